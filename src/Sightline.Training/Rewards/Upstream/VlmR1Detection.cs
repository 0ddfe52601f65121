using System.Text.RegularExpressions;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Rewards.Upstream;

/// <summary>The detection rewards of VLM-R1 at commit 90052f478646 (<c>grpo_jsonl.py</c>), equal in every score and error.</summary>
internal static class VlmR1Detection
{
    private const int PictureSide = 2048;
    private const double MatchIou = 0.5, PositionWeight = 0.7, CompletenessWeight = 0.3;
    private const double LongestReward = 0.5, ShortestReward = 1;
    private const int LongestTokens = 1024;

    private static readonly CocoEvaluationOptions s_coco = new() { Threads = 1 };

    public static double Map(RewardCase one) => Map(one.Completion, one.Solution, 0, forLength: false);

    public static double OdAp(RewardCase one) => InTags(one, 0, forLength: false);

    public static double OdAp50(RewardCase one) => InTags(one, 1, forLength: false);

    public static double OdLength(RewardCase one) => InTags(one, 0, forLength: true);

    public static double WeightedSum(RewardCase one)
    {
        var (answer, solution) = (VlmR1Text.Clean(one.Completion), VlmR1Text.Clean(one.Solution));
        return solution == "none" ? answer == "none" ? 1 : 0 : Weigh(answer, solution);
    }

    /// <summary>The original computes an accuracy and then overwrites it by 1; its errors remain, its value does not.</summary>
    public static double CosineLength(RewardCase one)
    {
        WeightedSum(one);
        return ShortestReward - ((ShortestReward - LongestReward) * (1 - Math.Cos(one.CompletionTokens * Math.PI / LongestTokens)) / 2);
    }

    private static double InTags(RewardCase one, int figure, bool forLength)
    {
        var answer = PythonText.Last(VlmR1.Answer, one.Completion);
        if (answer is null) return 0;
        answer = PythonText.Strip(answer);
        var solution = PythonText.First(VlmR1.Answer, one.Solution);
        if (solution == "None" && answer == "None") return 1;
        return Map(answer, solution ?? throw new RewardException("TypeError", "expected string or bytes-like object, got 'NoneType'"), figure, forLength);
    }

    private static double Map(string content, string solution, int figure, bool forLength)
    {
        var truths = PythonText.Last(JsonFence, solution) is { } json && PythonText.Strip(json) is { Length: > 0 } whole ? PythonJson.Load(whole).Iterate() : [];
        var boxes = PythonText.Last(JsonFence, content) is { } answer ? TryRead(PythonText.Strip(answer)) : [];
        var reward = boxes.Count > 0 && truths.Count > 0 ? AveragePrecision(boxes, truths, figure) : boxes.Count == 0 && truths.Count == 0 ? 1 : 0;
        return forLength && truths.Count < boxes.Count ? reward * ((double)truths.Count / boxes.Count) : reward;
    }

    private static double AveragePrecision(IReadOnlyList<PythonValue> boxes, IReadOnlyList<PythonValue> truths, int figure)
    {
        var classes = new Dictionary<string, int>(StringComparer.Ordinal);
        var annotations = new List<CocoAnnotation>();
        foreach (var truth in truths)
        {
            classes.TryAdd(truth["label"].HashKey(), classes.Count);
            var (x, y, width, height) = Sides(truth["bbox_2d"]);
            annotations.Add(new CocoAnnotation(annotations.Count + 1, 0, classes[truth["label"].HashKey()], x, y, width, height));
        }

        var detections = new List<CocoDetection>();
        foreach (var box in boxes)
        {
            try
            {
                // entries that raise an error are passed over there
                if (!classes.TryGetValue(box["label"].HashKey(), out var category)) continue;
                var (x, y, width, height) = Sides(box["bbox_2d"]);
                detections.Add(new CocoDetection(0, category, x, y, width, height, 1));
            }
            catch (RewardException)
            {
            }
        }

        if (detections.Count == 0) return 0;
        var set = new CocoGroundTruth([new CocoImage(0, PictureSide, PictureSide)], [.. classes.Values.Select(id => new CocoCategory(id, ""))], annotations);
        return CocoEvaluator.Evaluate(set, detections, s_coco).Stats[figure];
    }

    private static (double X, double Y, double Width, double Height) Sides(PythonValue box)
    {
        var corners = VlmR1.Read(box);
        return (corners[0], corners[1], corners[2] - corners[0], corners[3] - corners[1]);
    }

    /// <summary>0.7 of the matched boxes' IoU (those with the right label) and 0.3 of completeness.</summary>
    private static double Weigh(string answer, string solution)
    {
        // cleaned again there
        var boxes = PythonText.First(JsonFence, VlmR1Text.Clean(answer)) is { Length: > 0 } spoken ? TryRead(spoken) : [];
        var truths = PythonText.First(JsonFence, VlmR1Text.Clean(solution)) is { Length: > 0 } json ? PythonJson.Load(json).Iterate() : [];
        if (truths.Count == 0) return boxes.Count == 0 ? 1 : 0;
        if (boxes.Count == 0) return 0;
        var (sum, matched) = Match(boxes, truths);
        var missed = (double)(truths.Count - matched) / truths.Count;
        var invented = (double)(boxes.Count - matched) / boxes.Count;
        return ((PositionWeight * (matched > 0 ? sum / truths.Count : 0)) + (CompletenessWeight * (1 - ((missed + invented) / 2)))) / (PositionWeight + CompletenessWeight);
    }

    private static (double Sum, int Matched) Match(IReadOnlyList<PythonValue> boxes, IReadOnlyList<PythonValue> truths)
    {
        var overlaps = boxes.Select(box => truths.Select(truth => TryIou(box, truth)).ToArray()).ToArray();
        var (freeBoxes, freeTruths) = (Enumerable.Range(0, boxes.Count).ToList(), Enumerable.Range(0, truths.Count).ToList());
        var sum = 0.0;
        string? boxLabel = null;
        while (freeBoxes.Count > 0 && freeTruths.Count > 0)
        {
            var (best, at, of) = (-1.0, -1, -1);
            foreach (var b in freeBoxes)
            {
                foreach (var t in freeTruths)
                {
                    if (overlaps[b][t] > best) (best, at, of) = (overlaps[b][t], b, t);
                }
            }

            if (best < MatchIou) break;
            // a label that cannot be read leaves that of the match before, and without one the original breaks
            boxLabel = TryLabel(boxes[at]) ?? boxLabel
                ?? throw new RewardException("UnboundLocalError", "cannot access local variable 'pred_label' where it is not associated with a value");
            if (boxLabel == (TryLabel(truths[of]) ?? "")) sum += best;
            freeBoxes.Remove(at);
            freeTruths.Remove(of);
        }

        return (sum, boxes.Count - freeBoxes.Count);
    }

    private static double TryIou(PythonValue box, PythonValue truth)
    {
        try
        {
            return VlmR1.Iou(VlmR1.Read(box["bbox_2d"]), VlmR1.Read(truth["bbox_2d"]));
        }
        catch (RewardException)
        {
            return 0;
        }
    }

    private static string? TryLabel(PythonValue box)
    {
        try
        {
            return box["label"] is { Kind: PythonKind.Text } label ? PythonText.Lower(label.Text) : null;
        }
        catch (RewardException)
        {
            return null;
        }
    }

    private static IReadOnlyList<PythonValue> TryRead(string json)
    {
        try
        {
            return PythonJson.Load(json).Iterate();
        }
        catch (RewardException)
        {
            return [];
        }
    }

    internal static Regex JsonFence { get; } = PythonText.PatternOfLines(@"```json(.*?)```");
}
