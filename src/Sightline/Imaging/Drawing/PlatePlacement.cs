namespace Sightline.Imaging.Drawing;

/// <summary>
/// Finds room for label plates, one after the other. Each box offers places around and inside itself; the cheapest is
/// taken: covering box edges costs most, then distance from the favourite place above the upper left corner. A plate that could only cover
/// another, or would leave too little of the picture to see, gets no place: far from its box nobody could tell whose it is.
/// </summary>
internal sealed class PlatePlacement(int width, int height, IReadOnlyList<PixelRectangle> edges)
{
    /// <summary>Share of the picture that plates may cover together; a single one may always stand.</summary>
    private const double LargestShare = 0.3;

    private readonly List<PixelRectangle> _taken = [];

    /// <summary>Takes a place for a plate of this size near a box, inside the picture when it fits there at all; null where there is no room.</summary>
    public PixelRectangle? Place(PixelRectangle box, int plateWidth, int plateHeight, int margin)
    {
        if (_taken.Count > 0 && _taken.Sum(plate => plate.Area) + ((long)plateWidth * plateHeight) > LargestShare * width * height) return null;
        var best = default(PixelRectangle);
        var bestCost = double.PositiveInfinity;
        var order = 0;
        foreach (var (x, y) in Candidates(box, plateWidth, plateHeight, margin))
        {
            // kept inside, so a candidate beyond an edge slides back into the picture
            var left = Math.Clamp(x, Math.Min(margin, Math.Max(width - plateWidth - margin, 0)), Math.Max(width - plateWidth - margin, 0));
            var top = Math.Clamp(y, Math.Min(margin, Math.Max(height - plateHeight - margin, 0)), Math.Max(height - plateHeight - margin, 0));
            var plate = new PixelRectangle(left, top, left + plateWidth, top + plateHeight);
            var cost = Cost(plate, box, margin) + (0.02 * order++) + ((Math.Abs(left - x) + Math.Abs(top - y)) / (double)plateHeight * 0.05);
            if (cost < bestCost) (best, bestCost) = (plate, cost);
        }

        if (double.IsPositiveInfinity(bestCost)) return null;
        _taken.Add(best);
        return best;
    }

    /// <summary>Above, below, inside at the corners, then rows further away.</summary>
    private static IEnumerable<(int X, int Y)> Candidates(PixelRectangle box, int plateWidth, int plateHeight, int margin)
    {
        var right = box.Right - plateWidth;
        var (above, below) = (box.Top - plateHeight - margin, box.Bottom + margin);
        yield return (box.Left, above);
        yield return (right, above);
        yield return (box.Left, below);
        yield return (right, below);
        yield return (box.Right + margin, box.Top);
        yield return (box.Left - plateWidth - margin, box.Top);
        yield return (box.Left, box.Top);
        yield return (right, box.Top);
        yield return (box.Left, box.Bottom - plateHeight);
        yield return (right, box.Bottom - plateHeight);
        yield return (box.Right + margin, box.Bottom - plateHeight);
        yield return (box.Left - plateWidth - margin, box.Bottom - plateHeight);
        for (var step = 1; step <= 2; step++)
        {
            var shift = step * (plateHeight + margin);
            yield return (box.Left, above - shift);
            yield return (box.Left, below + shift);
            yield return (box.Right + margin, box.Top + shift);
            yield return (box.Left - plateWidth - margin, box.Top + shift);
        }
    }

    private double Cost(PixelRectangle plate, PixelRectangle own, int margin)
    {
        var area = (double)plate.Area;
        var cost = 0.0;
        if (_taken.Exists(other => plate.Intersect(other.Grow(margin)).Area > 0)) return double.PositiveInfinity;
        cost += 0.5 * plate.Intersect(own).Area / area; // better not on the thing itself
        foreach (var edge in edges)
        {
            if (edge != own) cost += 2 * RingOverlap(plate, edge) / (2.0 * (plate.Width + plate.Height));
        }

        return cost;
    }

    /// <summary>Length of a box's edge that a plate would hide, in pixels.</summary>
    private static int RingOverlap(PixelRectangle plate, PixelRectangle edge)
    {
        var part = plate.Intersect(edge);
        var (across, down) = (Math.Max(part.Width, 0), Math.Max(part.Height, 0));
        var hidden = 0;
        if (edge.Top >= plate.Top && edge.Top < plate.Bottom) hidden += across;
        if (edge.Bottom > plate.Top && edge.Bottom <= plate.Bottom) hidden += across;
        if (edge.Left >= plate.Left && edge.Left < plate.Right) hidden += down;
        if (edge.Right > plate.Left && edge.Right <= plate.Right) hidden += down;
        return hidden;
    }
}
