using Sightline.Geometry;
using Sightline.Models.Fusion;

namespace Sightline.Grounding;

/// <summary>Reads answers from the output of a fusion model: scores, suppression, boxes in pixels of the picture.</summary>
public static class FusionAnswers
{
    /// <summary>The threshold where none is given.</summary>
    public const double DefaultThreshold = 0.3;

    private const int Candidates = 300;

    /// <summary>The answers for one picture of a batch.</summary>
    /// <param name="output">What the model said.</param>
    /// <param name="b">The picture's place in the batch.</param>
    /// <param name="canvas">Its canvas.</param>
    /// <param name="phrases">Its phrases.</param>
    /// <param name="options">What counts as found.</param>
    /// <exception cref="SightlineException">BadModel: scores that are not numbers.</exception>
    public static IEnumerable<PhraseAnswer> Read(
        FusionOutput output, int b, CanvasPicture canvas, IReadOnlyList<string> phrases, GroundingOptions options)
    {
        var (most, places) = (output.Logits.Shape[1], output.Logits.Shape[2]);
        var threshold = options.Threshold ?? DefaultThreshold;
        var first = output.CountByPicture.Take(b).Sum();
        var order = new int[places];
        // an iterator cannot hold spans; on the processor these are small copies of one picture's numbers
        var presences = output.Presence.ReadSpan<float>().Slice(first, phrases.Count).ToArray();
        var corners = output.Boxes.ReadSpan<float>().Slice(b * places * 4, places * 4).ToArray();
        var alignments = output.Logits.ReadSpan<float>().Slice(b * most * places, most * places).ToArray();
        for (var p = 0; p < phrases.Count; p++)
        {
            var presence = Sigmoid(presences[p]);
            var logits = alignments.AsSpan(p * places, places).ToArray();
            RequireNumbers(presence, logits);
            for (var i = 0; i < places; i++) order[i] = i;
            Array.Sort(order, (x, y) => logits[y] != logits[x] ? logits[y].CompareTo(logits[x]) : x.CompareTo(y));
            var boxes = new List<Box>();
            var scores = new List<double>();
            foreach (var place in order.AsSpan(0, Math.Min(Candidates, places)))
            {
                var score = Sigmoid(logits[place]) * Math.Sqrt(presence);
                if (score < threshold) break;
                var box = canvas.ToSource(corners.AsSpan(place * 4, 4));
                if (box.IsEmpty) continue;
                boxes.Add(box);
                scores.Add(score);
            }

            var kept = NonMaximumSuppression.Keep(boxes, scores, options.OverlapThreshold);
            yield return new PhraseAnswer(
                phrases[p], presence, [.. kept.Take(options.MaximumDetections).Select(i => new Detection(phrases[p], boxes[i], scores[i]))]);
        }
    }

    /// <summary>Weights are looked through at loading; finite ones can still be so large that the sums overflow.</summary>
    private static void RequireNumbers(double presence, ReadOnlySpan<float> logits)
    {
        var isNumber = !double.IsNaN(presence);
        foreach (var logit in logits) isNumber &= !float.IsNaN(logit);
        if (!isNumber) throw new SightlineException(ErrorKind.BadModel, "the model's scores are not numbers: its weights are damaged (sightline inspect checkpoint)");
    }

    private static double Sigmoid(float x) => 1 / (1 + Math.Exp(-x));
}
