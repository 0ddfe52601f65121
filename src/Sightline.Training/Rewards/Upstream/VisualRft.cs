using System.Text.RegularExpressions;

namespace Sightline.Training.Rewards.Upstream;

/// <summary>
/// The rewards of Visual-RFT (Liu et al. 2025, section 3.2), equal to its code at commit 94866331ff38 (<c>open_r1/grpo.py</c>,
/// <c>grpo_lisa.py</c>, <c>grpo_classification.py</c>) in every score, its oddities included, so that published runs can be repeated. Symbolic
/// verification (math_verify) is taken never to match. Use <c>sightline/*</c> for new runs: these can be hacked.
/// </summary>
internal static class VisualRft
{
    private const double MatchIou = 0.5;

    public static double AccuracyIou(RewardCase one) => Detection(one, (matches, truths) => Math.Min(matches.Sum(match => match.Iou) / Math.Max(truths, matches.Count), 1));

    public static double AccuracyIouFirst(RewardCase one) => Detection(one, (matches, _) => Math.Min(matches.Sum(match => match.Iou) / matches.Count, 1));

    public static double AccuracyConfidence(RewardCase one) => Detection(one, (matches, _) =>
    {
        var sum = 0.0;
        foreach (var (iou, confidence) in matches) sum += iou == 0 ? 1 - confidence : confidence;
        // comparisons as there: a NaN passes both
        var reward = sum / matches.Count;
        return reward > 1 ? 1 : reward < 0 ? 0 : reward;
    });

    public static double Format(RewardCase one) => WholePattern.IsMatch(one.Completion) ? 1 : 0;

    public static double LisaAccuracy(RewardCase one)
    {
        var truth = PythonText.First(OneLineAnswer, one.Solution) ?? PythonText.Strip(one.Solution);
        var answer = PythonText.First(Answer, one.Completion) ?? PythonText.Strip(one.Completion);
        if (answer == truth) return 2;
        try
        {
            return GiouPlusOne(Corners(truth), Corners(answer));
        }
        catch (RewardException)
        {
            return 0;
        }
    }

    public static double ClassificationAccuracy(RewardCase one)
    {
        var truth = Plain(PythonText.First(OneLineAnswer, one.Solution) ?? PythonText.Strip(one.Solution));
        var answer = Plain(PythonText.First(OneLineAnswer, one.Completion) ?? PythonText.Strip(one.Completion));
        return answer.Contains(truth, StringComparison.Ordinal) || truth.Contains(answer, StringComparison.Ordinal) ? 1 : 0;

        static string Plain(string text) => PythonText.Lower(text.Replace(" ", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal));
    }

    // Every error of the original ends in a reward of 0.
    private static double Detection(RewardCase one, Func<List<(double Iou, double Confidence)>, int, double> reward)
    {
        try
        {
            var answer = PythonText.First(OneLineAnswer, one.Completion) ?? PythonText.Strip(one.Completion);
            answer = $"<answer>{answer}</answer>".Replace("[[", "[", StringComparison.Ordinal).Replace("]]", "]", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal);
            var truths = ReadBoxes(PythonText.Strip(one.Solution));
            var boxes = ReadBoxes(answer);
            if (boxes is null || boxes[0].Kind != PythonKind.Dict) return 0;
            var matches = Match(truths ?? throw new RewardException("TypeError", "'NoneType' object is not iterable"), WithoutDuplicates(boxes));
            return reward(matches, truths.Iterate().Count);
        }
        catch (RewardException)
        {
            return 0;
        }
    }

    private static PythonValue? ReadBoxes(string text)
    {
        var start = text.IndexOf("<answer>", StringComparison.Ordinal);
        if (start < 0) return null;
        start += "<answer>".Length;
        var end = text.IndexOf("</answer>", StringComparison.Ordinal);
        if (end < 0) end = text.Length;
        var list = start < end ? text[start..end] : "";
        if (!list.EndsWith(']'))
        {
            // cut off: up to the last whole entry
            var whole = list.LastIndexOf("},", StringComparison.Ordinal);
            list = (whole < 0 ? list : list[..whole]) + "}]";
        }

        try
        {
            return PythonJson.Load(list.Replace('\'', '"'));
        }
        catch (RewardException error) when (error.Type == "JSONDecodeError")
        {
            return null;
        }
    }

    private static List<PythonValue> WithoutDuplicates(PythonValue boxes)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        // positions that are equal item by item
        return [.. boxes.Iterate().Where(box => seen.Add(string.Join('\u0001', box["Position"].Iterate().Select(item => item.HashKey()))))];
    }

    /// <summary>The surest first, each takes the free truth that it overlaps most; truths are only looked at while free.</summary>
    private static List<(double Iou, double Confidence)> Match(PythonValue truths, List<PythonValue> boxes)
    {
        var confidences = boxes.ConvertAll(box => box["Confidence"]);
        // texts can be sorted there, too, and fail one step later
        var numbers = confidences.ConvertAll(confidence => confidence.Number());
        var order = Enumerable.Range(0, boxes.Count).ToList();
        order = [.. order.OrderByDescending(i => numbers[i])];
        var (all, taken, matches) = (truths.Iterate(), new HashSet<int>(), new List<(double, double)>());
        foreach (var i in order)
        {
            var (best, bestAt) = (0.0, -1);
            for (var t = 0; t < all.Count; t++)
            {
                if (taken.Contains(t)) continue;
                var iou = Iou(all[t]["Position"], boxes[i]["Position"]);
                if (iou > best) (best, bestAt) = (iou, t);
            }

            if (best > MatchIou) taken.Add(bestAt);
            matches.Add((best > MatchIou ? best : 0, numbers[i]));
        }

        return matches;
    }

    private static double Iou(PythonValue a, PythonValue b)
    {
        var (p, q) = (Four(a), Four(b));
        var (x1, y1) = (Max(p[0], q[0]), Max(p[1], q[1]));
        var (x2, y2) = (Min(p[2], q[2]), Min(p[3], q[3]));
        if (x2 <= x1 || y2 <= y1) return 0;
        var intersection = (x2 - x1) * (y2 - y1);
        var union = ((p[2] - p[0]) * (p[3] - p[1])) + ((q[2] - q[0]) * (q[3] - q[1])) - intersection;
        return union != 0 ? intersection / union : throw new RewardException("ZeroDivisionError", "division by zero");
    }

    private static double[] Four(PythonValue box)
    {
        var items = box.Iterate();
        return items.Count == 4 ? [.. items.Select(item => item.Number())] : throw new RewardException("ValueError", "not enough or too many values to unpack (expected 4)");
    }

    // the first unless the other is truly more, as Python has it: so a NaN stays where it stands first
    private static double Max(double a, double b) => b > a ? b : a;

    private static double Min(double a, double b) => b < a ? b : a;

    /// <summary>All first corners, then all second ones, in 0..1; of several boxes the original then takes the first two of this list.</summary>
    private static List<(double X, double Y)> Corners(string text)
    {
        var matches = BoxPattern.Matches(text);
        var corners = new List<(double, double)>();
        foreach (var first in (ReadOnlySpan<int>)[1, 3])
        {
            foreach (Match match in matches) corners.Add((PythonText.Integer(match.Groups[first].Value) / 1000, PythonText.Integer(match.Groups[first + 1].Value) / 1000));
        }

        return corners.Count > 0 ? corners : throw new RewardException("IndexError", "list index out of range");
    }

    private static double GiouPlusOne(List<(double X, double Y)> truth, List<(double X, double Y)> answer)
    {
        var (a, b, c, d) = (truth[0], truth[1], answer[0], answer[1]);
        var intersection = Math.Max(0, Math.Min(b.X, d.X) - Math.Max(a.X, c.X)) * Math.Max(0, Math.Min(b.Y, d.Y) - Math.Max(a.Y, c.Y));
        var union = ((b.X - a.X) * (b.Y - a.Y)) + ((d.X - c.X) * (d.Y - c.Y)) - intersection;
        var iou = union > 0 ? intersection / union : 0;
        var hull = (Math.Max(b.X, d.X) - Math.Min(a.X, c.X)) * (Math.Max(b.Y, d.Y) - Math.Min(a.Y, c.Y));
        return (hull > 0 ? iou - ((hull - union) / hull) : iou) + 1;
    }

    private static Regex OneLineAnswer { get; } = PythonText.Pattern(@"<answer>(.*?)</answer>");

    private static Regex Answer { get; } = PythonText.PatternOfLines(@"<answer>(.*?)</answer>");

    private static Regex WholePattern { get; } = PythonText.PatternOfLines(@"\A<think>.*?</think>" + PythonText.Space + @"*<answer>.*?</answer>\z");

    private static Regex BoxPattern { get; } = PythonText.Pattern(@"\(" + PythonText.Space + @"*(\d+)" + PythonText.Space + "*," + PythonText.Space + @"*(\d+)" + PythonText.Space + @"*\)" + PythonText.Space + "*," + PythonText.Space + @"*\("
        + PythonText.Space + @"*(\d+)" + PythonText.Space + "*," + PythonText.Space + @"*(\d+)" + PythonText.Space + @"*\)");
}
