using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>A point in a picture, with the frame of its numbers.</summary>
public readonly record struct FramePoint(double X, double Y, CoordinateFrame Frame)
{
    /// <summary>The middle of a box: how a box answers a pointing question.</summary>
    public static FramePoint CenterOf(in Box box) => new(box.CenterX, box.CenterY, box.Frame);
}

/// <summary>
/// Pointing accuracy: an answer is right when its point lies in the true box, edges included (the pointing game of Zhang et
/// al., IJCV 2018, without its margin; ScreenSpot counts clicks in the same way).
/// </summary>
public static class PointingEvaluator
{
    /// <summary>Share of points in their boxes; null where no point was given, which is a miss. -1 for no samples.</summary>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    /// <exception cref="FrameMismatchException">A point is in another frame than its box.</exception>
    public static double Accuracy(IReadOnlyList<FramePoint?> points, IReadOnlyList<Box> truths)
    {
        var hits = Hits(points, truths);
        return hits.Length == 0 ? -1 : Bootstrap.Mean(hits);
    }

    /// <summary>1 for a hit and 0 for a miss, a sample: for intervals (<see cref="Bootstrap.OfMean"/>) and paired tests.</summary>
    /// <inheritdoc cref="Accuracy"/>
    public static double[] Hits(IReadOnlyList<FramePoint?> points, IReadOnlyList<Box> truths)
    {
        if (points.Count != truths.Count) throw new ArgumentException($"one point a sample is needed (null for none), got {points.Count} points for {truths.Count} samples");
        var hits = new double[truths.Count];
        for (var i = 0; i < hits.Length; i++) hits[i] = points[i] is { } point && IsHit(point, truths[i]) ? 1 : 0;
        return hits;
    }

    /// <summary>Whether a point lies in a box, edges included.</summary>
    /// <exception cref="FrameMismatchException">The frames differ.</exception>
    public static bool IsHit(FramePoint point, in Box truth)
    {
        if (point.Frame != truth.Frame) throw new FrameMismatchException($"the point ({point.X}, {point.Y}) ({point.Frame}) and the box {truth} are in different frames");
        return point.X >= truth.X1 && point.X <= truth.X2 && point.Y >= truth.Y1 && point.Y <= truth.Y2;
    }
}
