using System.Numerics;

namespace Sightline.Geometry;

/// <summary>
/// How well two boxes agree: IoU, GIoU, DIoU and CIoU, for <see cref="Box"/> (which checks the frames) and for rows of
/// corners (x1, y1, x2, y2) in spans. Values agree with torchvision.ops (box_iou, generalized_box_iou, distance_box_iou,
/// complete_box_iou, whose 1e-7 in the denominators is kept), except that boxes without area give 0 where torchvision
/// divides zero by zero. NaN in gives NaN out, never a plausible number.
/// </summary>
public static class Iou
{
    private const double Epsilon = 1e-7; // torchvision.ops.distance_box_iou and complete_box_iou

    /// <summary>Intersection over union, 0..1.</summary>
    /// <exception cref="FrameMismatchException">The frames differ.</exception>
    public static double Of(in Box a, in Box b) => Of(a, b, IouKind.Plain);

    /// <summary>GIoU, -1..1.</summary>
    /// <exception cref="FrameMismatchException">The frames differ.</exception>
    public static double Generalized(in Box a, in Box b) => Of(a, b, IouKind.Generalized);

    /// <summary>DIoU, -1..1.</summary>
    /// <exception cref="FrameMismatchException">The frames differ.</exception>
    public static double Distance(in Box a, in Box b) => Of(a, b, IouKind.Distance);

    /// <summary>CIoU, at most 1.</summary>
    /// <exception cref="FrameMismatchException">The frames differ.</exception>
    public static double Complete(in Box a, in Box b) => Of(a, b, IouKind.Complete);

    /// <summary>One member of the family.</summary>
    /// <exception cref="FrameMismatchException">The frames differ.</exception>
    public static double Of(in Box a, in Box b, IouKind kind)
    {
        Box.RequireSameFrame(a, b);
        return Of(a.X1, a.Y1, a.X2, a.Y2, b.X1, b.Y1, b.X2, b.Y2, kind);
    }

    /// <summary>Every box of one list against every box of another.</summary>
    /// <returns>[a.Count, b.Count]</returns>
    /// <exception cref="FrameMismatchException">Not all boxes are in one frame.</exception>
    public static double[,] Pairwise(IReadOnlyList<Box> a, IReadOnlyList<Box> b, IouKind kind = IouKind.Plain)
    {
        var result = new double[a.Count, b.Count];
        for (var i = 0; i < a.Count; i++)
        {
            for (var j = 0; j < b.Count; j++) result[i, j] = Of(a[i], b[j], kind);
        }

        return result;
    }

    /// <summary>Box i of one list against box i of the other.</summary>
    /// <exception cref="FrameMismatchException">The frames of a pair differ.</exception>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static double[] Elementwise(IReadOnlyList<Box> a, IReadOnlyList<Box> b, IouKind kind = IouKind.Plain)
    {
        if (a.Count != b.Count) throw new ArgumentException($"elementwise IoU needs lists of one length, got {a.Count} and {b.Count}");
        var result = new double[a.Count];
        for (var i = 0; i < result.Length; i++) result[i] = Of(a[i], b[i], kind);
        return result;
    }

    /// <summary>Every row of one span against every row of another, without allocating.</summary>
    /// <param name="a">[N, 4] corners x1, y1, x2, y2</param>
    /// <param name="b">[M, 4] corners, the same frame</param>
    /// <param name="result">[N, M]</param>
    /// <param name="kind">Which member of the family.</param>
    /// <exception cref="ArgumentException">A length is not a multiple of 4, or the result has another length than N x M.</exception>
    public static void Pairwise<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> result, IouKind kind = IouKind.Plain)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var n = Rows(a.Length, nameof(a));
        var m = Rows(b.Length, nameof(b));
        if (result.Length != n * m) throw new ArgumentException($"pairwise IoU of {n} and {m} boxes needs {n * m} results, got {result.Length}", nameof(result));
        for (var i = 0; i < n; i++)
        {
            var p = a.Slice(i * 4, 4);
            for (var j = 0; j < m; j++)
            {
                var q = b.Slice(j * 4, 4);
                result[(i * m) + j] = Of(p[0], p[1], p[2], p[3], q[0], q[1], q[2], q[3], kind);
            }
        }
    }

    /// <summary>Row i of one span against row i of the other, without allocating.</summary>
    /// <param name="a">[N, 4] corners x1, y1, x2, y2</param>
    /// <param name="b">[N, 4] corners, the same frame</param>
    /// <param name="result">[N]</param>
    /// <param name="kind">Which member of the family.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public static void Elementwise<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> result, IouKind kind = IouKind.Plain)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var n = Rows(a.Length, nameof(a));
        if (b.Length != a.Length || result.Length != n)
            throw new ArgumentException($"elementwise IoU needs [N, 4], [N, 4] and [N], got lengths {a.Length}, {b.Length} and {result.Length}");
        for (var i = 0; i < n; i++)
        {
            var p = a.Slice(i * 4, 4);
            var q = b.Slice(i * 4, 4);
            result[i] = Of(p[0], p[1], p[2], p[3], q[0], q[1], q[2], q[3], kind);
        }
    }

    /// <summary>One member of the family for two boxes given by their corners.</summary>
    public static T Of<T>(T ax1, T ay1, T ax2, T ay2, T bx1, T by1, T bx2, T by2, IouKind kind = IouKind.Plain)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var areaA = T.Max(ax2 - ax1, T.Zero) * T.Max(ay2 - ay1, T.Zero);
        var areaB = T.Max(bx2 - bx1, T.Zero) * T.Max(by2 - by1, T.Zero);
        var width = T.Max(T.Min(ax2, bx2) - T.Max(ax1, bx1), T.Zero);
        var height = T.Max(T.Min(ay2, by2) - T.Max(ay1, by1), T.Zero);
        var intersection = width * height;
        var union = areaA + areaB - intersection;
        var iou = union == T.Zero ? T.Zero : intersection / union;
        if (kind == IouKind.Plain) return iou;

        var hullWidth = T.Max(ax2, bx2) - T.Min(ax1, bx1);
        var hullHeight = T.Max(ay2, by2) - T.Min(ay1, by1);
        if (kind == IouKind.Generalized)
        {
            var hull = hullWidth * hullHeight;
            return hull == T.Zero ? iou : iou - ((hull - union) / hull);
        }

        var two = T.CreateChecked(2);
        var epsilon = T.CreateChecked(Epsilon);
        var dx = ((ax1 + ax2) / two) - ((bx1 + bx2) / two);
        var dy = ((ay1 + ay2) / two) - ((by1 + by2) / two);
        var diagonal = (hullWidth * hullWidth) + (hullHeight * hullHeight) + epsilon;
        var distanceIou = iou - (((dx * dx) + (dy * dy)) / diagonal);
        if (kind == IouKind.Distance) return distanceIou;

        var angle = AspectAngle(ax2 - ax1, ay2 - ay1) - AspectAngle(bx2 - bx1, by2 - by1);
        var v = T.CreateChecked(4 / (Math.PI * Math.PI)) * angle * angle;
        var alpha = v / (T.One - iou + v + epsilon);
        return distanceIou - (alpha * v);
    }

    /// <summary>
    /// IoU of two boxes given as x, y, width, height; with <paramref name="crowd"/> (the second marks a crowd) the
    /// intersection over the first box's own area. Rounds exactly as pycocotools does, so that a tie with a threshold falls
    /// the same way.
    /// </summary>
    public static double OfXywh(ReadOnlySpan<double> a, ReadOnlySpan<double> b, bool crowd = false)
    {
        var width = Math.Min(a[2] + a[0], b[2] + b[0]) - Math.Max(a[0], b[0]);
        if (!(width > 0)) return 0;
        var height = Math.Min(a[3] + a[1], b[3] + b[1]) - Math.Max(a[1], b[1]);
        if (!(height > 0)) return 0;
        var intersection = width * height;
        var areaA = a[2] * a[3];
        return intersection / (crowd ? areaA : areaA + (b[2] * b[3]) - intersection);
    }

    // atan(w / h); a box without height and width has no aspect: its angle counts as 0
    private static T AspectAngle<T>(T width, T height) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        width == T.Zero && height == T.Zero ? T.Zero : T.Atan(width / height);

    private static int Rows(int length, string name) =>
        length % 4 == 0 ? length / 4 : throw new ArgumentException($"boxes are rows of 4 numbers, got a length of {length}", name);
}
