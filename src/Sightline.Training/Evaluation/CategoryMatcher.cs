using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>
/// Matches one class at a time over all pictures. Every worker has its own; its work arrays only grow.
/// D, G: detections and truths of one picture and class.
/// </summary>
internal sealed class CategoryMatcher(DetectionTable table, CocoEvaluationOptions options, int maxDetections)
{
    private readonly IReadOnlyList<AreaRange> _areas = options.AreaRanges;
    private readonly double[] _thresholds = [.. options.IouThresholds];
    private readonly double _lowest = Math.Min(options.IouThresholds.Min(), 1 - 1e-10);
    private readonly CategoryMatches _matches = new(options.AreaRanges.Count);
    private double[] _iou = [];
    private int[] _detections = [];
    private int[] _truthOrder = [];
    private int[] _match = [];
    private bool[] _taken = [];
    private bool[] _ignored = [];
    private bool _anyOverlap;

    /// <summary>Where set, receives every picture's matches; meant for one area range and one threshold.</summary>
    public List<PictureMatches>? Record { get; init; }

    /// <summary>Matches a class; the result lives until the next call.</summary>
    public CategoryMatches Match(int category)
    {
        var (truths, detections) = (table.Truths, table.Detections);
        var (g, lastG) = (truths.Start[category], truths.Start[category + 1]);
        var (d, lastD) = (detections.Start[category], detections.Start[category + 1]);
        _matches.Reset(lastD - d, lastG - g);
        while (g < lastG || d < lastD)
        {
            var image = Math.Min(g < lastG ? truths.Image[g] : int.MaxValue, d < lastD ? detections.Image[d] : int.MaxValue);
            var (nextG, nextD) = (g, d);
            while (nextG < lastG && truths.Image[nextG] == image) nextG++;
            while (nextD < lastD && detections.Image[nextD] == image) nextD++;
            MatchImage(category, image, g, nextG - g, d, nextD - d);
            (g, d) = (nextG, nextD);
        }

        ScoreOrder.Descending(_matches.Scores.AsSpan(0, _matches.Count), _matches.Order.AsSpan(0, _matches.Count));
        return _matches;
    }

    private void MatchImage(int category, int image, int firstG, int truths, int firstD, int candidates)
    {
        var scores = table.Detections.Scores.AsSpan(firstD, candidates);
        Reserve(candidates, truths);
        var order = _detections.AsSpan(0, candidates);
        ScoreOrder.Descending(scores, order);
        var count = Math.Min(candidates, maxDetections);
        var first = _matches.AddDetections(count);
        for (var i = 0; i < count; i++)
        {
            order[i] += firstD;
            _matches.Scores[first + i] = table.Detections.Scores[order[i]];
            _matches.Image[first + i] = image;
            _matches.Rank[first + i] = i;
        }

        FillIou(order[..count], firstG, truths);
        var group = truths > 0 ? _matches.AddTruthGroup(image) : -1;
        for (var a = 0; a < _areas.Count; a++)
        {
            var counting = OrderTruths(firstG, truths, _areas[a]);
            if (group >= 0) _matches.Positives[a][group] = counting;
            if (_anyOverlap) MatchArea(a, firstG, truths, counting, first, count);
            else if (Record is not null) _match.AsSpan(0, count).Fill(-1);
            ForgiveUnmatched(a, order[..count], first);
            Record?.Add(Describe(category, image, a, order[..count], first, firstG, truths));
        }
    }

    private PictureMatches Describe(int category, int image, int area, ReadOnlySpan<int> order, int first, int firstG, int truths)
    {
        var detections = new MatchedDetection[order.Length];
        for (var d = 0; d < order.Length; d++)
        {
            var overlaps = _iou.AsSpan(d * truths, truths);
            var nearest = 0.0;
            foreach (var iou in overlaps) nearest = Math.Max(nearest, iou);
            var match = _match[d];
            detections[d] = new MatchedDetection(table.Detections.Source[order[d]], match < 0 ? null : table.Truths.Id[firstG + match],
                match < 0 ? nearest : overlaps[match], (_matches.Ignored[area][first + d] & 1) != 0);
        }

        var found = _match[..order.Length];
        var described = new MatchedTruth[truths];
        for (var g = 0; g < truths; g++)
        {
            var truth = _truthOrder[g];
            described[g] = new MatchedTruth(table.Truths.Id[firstG + truth], found.Contains(truth), _ignored[truth]);
        }

        return new PictureMatches(table.ImageIds[image], options.ClassAgnostic ? -1 : table.CategoryList[category].Id, detections, described);
    }

    private void MatchArea(int area, int firstG, int truths, int counting, int first, int count)
    {
        var crowd = table.Truths.Crowd.AsSpan(firstG, truths);
        var (matched, ignored) = (_matches.Matched[area], _matches.Ignored[area]);
        var match = _match.AsSpan(0, count);
        for (var t = 0; t < _thresholds.Length; t++)
        {
            DetectionMatching.Match(_iou.AsSpan(0, count * truths), _truthOrder.AsSpan(0, truths), counting, crowd, _thresholds[t], _taken.AsSpan(0, truths), match);
            for (var d = 0; d < count; d++)
            {
                if (match[d] < 0) continue;
                // the official code marks a match by the truth's id, so that a truth with id 0 leaves no mark
                if (table.Truths.Id[firstG + match[d]] != 0) matched[first + d] |= 1UL << t;
                if (_ignored[match[d]]) ignored[first + d] |= 1UL << t;
            }
        }
    }

    private void ForgiveUnmatched(int area, ReadOnlySpan<int> order, int first)
    {
        var (matched, ignored) = (_matches.Matched[area], _matches.Ignored[area]);
        var range = _areas[area];
        for (var d = 0; d < order.Length; d++)
        {
            if (table.Detections.Ignored[order[d]] || range.Excludes(table.Detections.Areas[order[d]])) ignored[first + d] |= ~matched[first + d];
        }
    }

    // truths that count first, then the ignored ones, each in the order of the file
    private int OrderTruths(int firstG, int truths, AreaRange range)
    {
        var counting = 0;
        for (var g = 0; g < truths; g++)
        {
            _ignored[g] = table.Truths.Ignored[firstG + g] || range.Excludes(table.Truths.Areas[firstG + g]);
            if (!_ignored[g]) _truthOrder[counting++] = g;
        }

        var next = counting;
        for (var g = 0; g < truths; g++)
        {
            if (_ignored[g]) _truthOrder[next++] = g;
        }

        return counting;
    }

    private void FillIou(ReadOnlySpan<int> order, int firstG, int truths)
    {
        var (d, g) = (table.Detections, table.Truths);
        _anyOverlap = false;
        for (var i = 0; i < order.Length; i++)
        {
            var box = d.Boxes.AsSpan(order[i] * 4, 4);
            for (var j = 0; j < truths; j++)
            {
                var crowd = g.Crowd[firstG + j];
                var iou = options.Region == RegionKind.Box
                    ? Iou.OfXywh(box, g.Boxes.AsSpan((firstG + j) * 4, 4), crowd)
                    : MaskIou(order[i], firstG + j, crowd);
                _iou[(i * truths) + j] = iou;
                _anyOverlap |= iou >= _lowest;
            }
        }
    }

    private double MaskIou(int detection, int truth, bool crowd)
    {
        var (a, b) = (table.Detections.Masks[detection], table.Truths.Masks[truth]);
        if (a.Height != b.Height || a.Width != b.Width)
        {
            throw new SightlineException(ErrorKind.BadData,
                $"detections[{table.Detections.Source[detection]}]: its mask is {a.Height}x{a.Width}, that of annotations[{table.Truths.Source[truth]}] of the same picture {b.Height}x{b.Width}");
        }

        // most pairs do not even touch
        var touch = Iou.OfXywh(table.Detections.Bounds.AsSpan(detection * 4, 4), table.Truths.Bounds.AsSpan(truth * 4, 4)) > 0;
        return touch ? a.IouWith(b, crowd) : 0;
    }

    private void Reserve(int detections, int truths)
    {
        if (_detections.Length < detections) (_detections, _match) = (new int[detections * 2], new int[detections * 2]);
        if (_taken.Length < truths) (_taken, _ignored, _truthOrder) = (new bool[truths * 2], new bool[truths * 2], new int[truths * 2]);
        var pairs = Math.Min(detections, maxDetections) * truths;
        if (_iou.Length < pairs) _iou = new double[pairs * 2];
    }
}
