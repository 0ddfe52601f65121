namespace Sightline.Training.Evaluation;

/// <summary>
/// From matches to curves (pycocotools, COCOeval.accumulate). Only right detections raise the recall, and between two of
/// them the precision only falls, so the curve is kept at the right ones alone.
/// </summary>
internal sealed class PrecisionRecall(double[] recallThresholds)
{
    private const double Spacing = 2.220446049250313e-16; // numpy.spacing(1), which the official code adds below the bar
    private double[] _precision = [];
    private double[] _recall = [];
    private double[] _score = [];

    public void Reserve(int detections)
    {
        if (_precision.Length >= detections) return;
        (_precision, _recall, _score) = (new double[detections], new double[detections], new double[detections]);
    }

    /// <summary>One curve of one class.</summary>
    /// <param name="order">[n]: the detections from the best score down</param>
    /// <param name="scores">by detection</param>
    /// <param name="matched">by detection, bit t</param>
    /// <param name="ignored">by detection, bit t</param>
    /// <param name="t">Which bit.</param>
    /// <param name="positives">Truths that count, at least 1.</param>
    /// <param name="precisionAt">[R]: receives the best precision at or beyond each recall threshold, 0 where it is not reached</param>
    /// <param name="scoreAt">[R]: receives the score where each recall threshold is reached</param>
    /// <returns>The greatest recall.</returns>
    public double Curve(ReadOnlySpan<int> order, double[] scores, ulong[] matched, ulong[] ignored, int t, long positives, Span<double> precisionAt, Span<double> scoreAt)
    {
        var (right, wrong) = (0, 0);
        foreach (var d in order)
        {
            if ((ignored[d] >> t & 1) != 0) continue;
            if ((matched[d] >> t & 1) == 0)
            {
                wrong++;
                continue;
            }

            _recall[right] = (right + 1) / (double)positives;
            _score[right] = scores[d];
            right++;
            _precision[right - 1] = right / (right + wrong + Spacing);
        }

        Interpolate(right, order.Length > 0 ? scores[order[0]] : 0, precisionAt, scoreAt);
        return right == 0 ? 0 : _recall[right - 1];
    }

    private void Interpolate(int points, double firstScore, Span<double> precisionAt, Span<double> scoreAt)
    {
        var (i, best) = (points, 0.0);
        for (var r = recallThresholds.Length - 1; r >= 0; r--)
        {
            while (i > 0 && _recall[i - 1] >= recallThresholds[r]) best = Math.Max(best, _precision[--i]);
            precisionAt[r] = i < points ? best : 0;
            scoreAt[r] = recallThresholds[r] <= 0 ? firstScore : i < points ? _score[i] : 0;
        }
    }

    /// <summary>
    /// As <see cref="Curve"/> where each picture counts several times or not at all: average precision and recall.
    /// </summary>
    /// <param name="events">[n]: the detections that count, from the best score down: picture * 2 + (right ? 1 : 0)</param>
    /// <param name="weights">by picture</param>
    /// <param name="positives">Weighted truths that count, at least 1.</param>
    public (double Precision, double Recall) Weighted(ReadOnlySpan<int> events, ReadOnlySpan<byte> weights, long positives)
    {
        var (right, all, points) = (0L, 0L, 0);
        foreach (var e in events)
        {
            var weight = weights[e >> 1];
            all += weight;
            if ((e & 1) == 0 || weight == 0) continue;
            right += weight;
            _recall[points] = right / (double)positives;
            _precision[points++] = right / (all + Spacing);
        }

        var (i, best, sum) = (points, 0.0, 0.0);
        for (var r = recallThresholds.Length - 1; r >= 0; r--)
        {
            while (i > 0 && _recall[i - 1] >= recallThresholds[r]) best = Math.Max(best, _precision[--i]);
            if (i < points) sum += best;
        }

        return (sum / recallThresholds.Length, right / (double)positives);
    }
}
