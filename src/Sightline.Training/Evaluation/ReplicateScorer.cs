namespace Sightline.Training.Evaluation;

/// <summary>
/// The figures of one class on many redrawn sets of pictures, without matching again: a picture's matches do not depend on
/// the other pictures. The copies of a picture that was drawn twice are counted side by side, which differs from a file
/// with two copies only in the order of detections of one picture with equal scores. B sets, F figures.
/// </summary>
internal sealed class ReplicateScorer(CocoEvaluationOptions options, DetectionFigure[] figures)
{
    private readonly PrecisionRecall _curve = new([.. options.RecallThresholds]);
    private readonly int _thresholds = options.IouThresholds.Count;
    private int[] _events = [];
    private long[] _positives = [];

    /// <param name="ordered">The matches, of one run or merged.</param>
    /// <param name="truth">Where the truths are.</param>
    /// <param name="slots">Weights by slot.</param>
    /// <param name="pictures">Weights by picture, for the truths.</param>
    /// <param name="result">[F, B]: receives the figures, -1 where there is nothing to find</param>
    public void Score(OrderedMatches ordered, CategoryMatches truth, PictureWeights slots, PictureWeights pictures, Span<double> result)
    {
        var sets = slots.Sets;
        if (_events.Length < ordered.Count) _events = new int[ordered.Count * 2];
        if (_positives.Length < sets) _positives = new long[sets];
        _curve.Reserve(ordered.Count);
        result.Clear();
        for (var a = 0; a < options.AreaRanges.Count; a++)
        {
            CountPositives(truth, a, pictures);
            for (var m = 0; m < options.MaxDetections.Count; m++)
            {
                if (!figures.Any(f => f.Area == a && f.MaxDetections == m)) continue;
                for (var t = 0; t < _thresholds; t++) AddThreshold(ordered, slots, a, m, t, result);
            }

            for (var f = 0; f < figures.Length; f++)
            {
                if (figures[f].Area != a) continue;
                for (var b = 0; b < sets; b++)
                {
                    ref var value = ref result[(f * sets) + b];
                    if (_positives[b] == 0 || figures[f].Threshold == -1) value = -1;
                    else if (figures[f].Threshold is null) value /= _thresholds;
                }
            }
        }
    }

    private void AddThreshold(OrderedMatches ordered, PictureWeights slots, int a, int m, int t, Span<double> result)
    {
        var sets = slots.Sets;
        var n = 0;
        for (var i = 0; i < ordered.Count; i++)
        {
            if (ordered.Rank[i] >= options.MaxDetections[m] || (ordered.Ignored[a][i] >> t & 1) != 0) continue;
            _events[n++] = (ordered.Slot[i] << 1) | (int)(ordered.Matched[a][i] >> t & 1);
        }

        for (var b = 0; b < sets; b++)
        {
            if (_positives[b] == 0) continue;
            var (precision, recall) = _curve.Weighted(_events.AsSpan(0, n), slots.Of(b), _positives[b]);
            for (var f = 0; f < figures.Length; f++)
            {
                if (figures[f].Area == a && figures[f].MaxDetections == m && (figures[f].Threshold is null || figures[f].Threshold == t))
                    result[(f * sets) + b] += figures[f].IsRecall ? recall : precision;
            }
        }
    }

    private void CountPositives(CategoryMatches truth, int area, PictureWeights pictures)
    {
        for (var b = 0; b < pictures.Sets; b++)
        {
            var weights = pictures.Of(b);
            var sum = 0L;
            for (var p = 0; p < truth.TruthGroups; p++) sum += (long)weights[truth.TruthImage[p]] * truth.Positives[area][p];
            _positives[b] = sum;
        }
    }
}
