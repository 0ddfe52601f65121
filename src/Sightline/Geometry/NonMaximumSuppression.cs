using System.Buffers;
using System.Numerics;

namespace Sightline.Geometry;

/// <summary>
/// Greedy non-maximum suppression: from the best score down, a box is kept unless its IoU with one already kept is
/// greater than the threshold. Same decisions as torchvision.ops.nms and batched_nms; equal scores keep their order.
/// A box whose score is NaN comes last; a box with a NaN coordinate neither suppresses nor is suppressed.
/// </summary>
public static class NonMaximumSuppression
{
    /// <summary>Indices of the boxes to keep, best first.</summary>
    /// <exception cref="FrameMismatchException">Not all boxes are in one frame.</exception>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static int[] Keep(IReadOnlyList<Box> boxes, IReadOnlyList<double> scores, double threshold, IReadOnlyList<int>? classes = null)
    {
        if (scores.Count != boxes.Count || (classes is not null && classes.Count != boxes.Count))
            throw new ArgumentException($"suppression needs one score (and class) a box, got {boxes.Count} boxes, {scores.Count} scores, {classes?.Count} classes");
        var corners = new double[boxes.Count * 4];
        for (var i = 0; i < boxes.Count; i++)
        {
            Box.RequireSameFrame(boxes[0], boxes[i]);
            (corners[i * 4], corners[(i * 4) + 1], corners[(i * 4) + 2], corners[(i * 4) + 3]) = (boxes[i].X1, boxes[i].Y1, boxes[i].X2, boxes[i].Y2);
        }

        var kept = new int[boxes.Count];
        var count = Keep<double>(corners, [.. scores], classes is null ? [] : [.. classes], threshold, kept);
        return kept[..count];
    }

    /// <summary>As the other overload, on rows of corners and without garbage.</summary>
    /// <param name="boxes">[N, 4] corners x1, y1, x2, y2, one frame</param>
    /// <param name="scores">[N]</param>
    /// <param name="classes">[N]: only boxes of one class suppress each other; or empty: all do</param>
    /// <param name="threshold">IoU, 0..1; suppressed when greater.</param>
    /// <param name="kept">[N] or longer: receives the indices of the boxes to keep, best first.</param>
    /// <returns>How many are kept.</returns>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public static int Keep<T>(ReadOnlySpan<T> boxes, ReadOnlySpan<T> scores, ReadOnlySpan<int> classes, T threshold, Span<int> kept)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var n = scores.Length;
        if (boxes.Length != n * 4 || (classes.Length != 0 && classes.Length != n) || kept.Length < n)
            throw new ArgumentException($"suppression needs [N, 4] boxes, [N] scores, [N] or no classes and room for N indices, got lengths {boxes.Length}, {n}, {classes.Length}, {kept.Length}");
        var keys = ArrayPool<double>.Shared.Rent(n);
        var order = ArrayPool<int>.Shared.Rent(n);
        try
        {
            for (var i = 0; i < n; i++) keys[i] = double.CreateChecked(scores[i]);
            ScoreOrder.Descending(keys.AsSpan(0, n), order.AsSpan(0, n));
            var count = 0;
            for (var r = 0; r < n; r++)
            {
                var candidate = order[r];
                if (!Suppressed(boxes, classes, threshold, kept[..count], candidate)) kept[count++] = candidate;
            }

            return count;
        }
        finally
        {
            ArrayPool<double>.Shared.Return(keys);
            ArrayPool<int>.Shared.Return(order);
        }
    }

    private static bool Suppressed<T>(ReadOnlySpan<T> boxes, ReadOnlySpan<int> classes, T threshold, ReadOnlySpan<int> kept, int candidate)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var c = boxes.Slice(candidate * 4, 4);
        foreach (var k in kept)
        {
            if (classes.Length != 0 && classes[k] != classes[candidate]) continue;
            var b = boxes.Slice(k * 4, 4);
            if (Iou.Of(b[0], b[1], b[2], b[3], c[0], c[1], c[2], c[3]) > threshold) return true;
        }

        return false;
    }
}
