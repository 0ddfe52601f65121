using Sightline.Geometry;

namespace Sightline.Training.Losses;

/// <summary>
/// One-to-one matching of queries and targets at the least cost ClassCost · c + BoxCost · L1 - GiouCost · GIoU, image by image. c is the negative
/// probability of the class (softmax) or the difference of the focal terms for "yes" and "no" (α 0.25, γ 2), for tokens averaged over those
/// of the label. Computed in float64 without gradient.
/// </summary>
public sealed class SetMatcher(SetLossOptions options)
{
    private const double Alpha = 0.25;
    private readonly AssignmentSolver _solver = new();
    private double[] _cost = [];
    private int[] _columnOfRow = [];

    /// <summary>Matches one image.</summary>
    /// <param name="logits">[Q x C]</param>
    /// <param name="boxes">[Q x 4] centre and size.</param>
    /// <param name="target">What the image holds.</param>
    /// <returns>Matched queries, ascending, and the target of each.</returns>
    public (int[] Queries, int[] Targets) Match(ReadOnlySpan<float> logits, ReadOnlySpan<float> boxes, SetTarget target)
    {
        var (Q, n) = (boxes.Length / 4, target.Labels.Length);
        if (n == 0) return ([], []);
        var C = logits.Length / Q;
        if (_cost.Length < Q * n) _cost = new double[Q * n];
        if (_columnOfRow.Length < Q) _columnOfRow = new int[Q];
        var scores = new double[C];
        for (var q = 0; q < Q; q++)
        {
            ClassScores(logits.Slice(q * C, C), scores);
            var own = boxes.Slice(q * 4, 4);
            for (var t = 0; t < n; t++)
            {
                var other = target.Boxes.AsSpan(t * 4, 4);
                _cost[(q * n) + t] = (options.ClassCost * LabelScore(scores, target, t)) + (options.BoxCost * L1(own, other)) - (options.GiouCost * Giou(own, other));
            }
        }

        _solver.Solve(_cost.AsSpan(0, Q * n), Q, n, _columnOfRow.AsSpan(0, Q));
        var count = Math.Min(Q, n);
        var (queries, targets) = (new int[count], new int[count]);
        for (int q = 0, k = 0; q < Q; q++)
        {
            if (_columnOfRow[q] >= 0) (queries[k], targets[k++]) = (q, _columnOfRow[q]);
        }

        return (queries, targets);
    }

    /// <summary>The cost of each class (or token) for one query.</summary>
    private void ClassScores(ReadOnlySpan<float> logits, double[] scores)
    {
        if (options.Classification == SetClassification.Softmax)
        {
            var max = double.NegativeInfinity;
            foreach (var x in logits) max = Math.Max(max, x);
            double sum = 0;
            foreach (var x in logits) sum += Math.Exp(x - max);
            for (var c = 0; c < scores.Length; c++) scores[c] = -Math.Exp(logits[c] - max) / sum;
            return;
        }

        for (var c = 0; c < scores.Length; c++)
        {
            var p = 1 / (1 + Math.Exp(-(double)logits[c]));
            var yes = Alpha * (1 - p) * (1 - p) * -Math.Log(p + 1e-8);
            var no = (1 - Alpha) * p * p * -Math.Log(1 - p + 1e-8);
            scores[c] = yes - no;
        }
    }

    private static double LabelScore(double[] scores, SetTarget target, int t)
    {
        if (target.LabelMap is not { } map) return scores[target.Labels[t]];
        double sum = 0;
        var tokens = map[target.Labels[t]];
        var count = 0;
        for (var c = 0; c < tokens.Length; c++)
        {
            if (!tokens[c]) continue;
            sum += scores[c];
            count++;
        }

        return count == 0 ? 0 : sum / count; // a label whose tokens do not take part
    }

    private static double L1(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (var i = 0; i < 4; i++) sum += Math.Abs((double)a[i] - b[i]);
        return sum;
    }

    private static double Giou(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var (aw, ah, bw, bh) = ((double)a[2] / 2, (double)a[3] / 2, (double)b[2] / 2, (double)b[3] / 2);
        return Iou.Of(a[0] - aw, a[1] - ah, a[0] + aw, a[1] + ah, b[0] - bw, b[1] - bh, b[0] + bw, b[1] + bh, IouKind.Generalized);
    }
}
