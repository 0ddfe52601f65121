using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Tests.Reference;

internal sealed partial class ReferenceEngine
{
    public override void BoxIou(BoxIouKind kind, Tensor a, Tensor b, Tensor y, bool pairwise, bool exact, float eps)
    {
        var (left, right, result) = (Read(a), Read(b), new double[y.Count]);
        for (var i = 0; i < result.Length; i++)
        {
            var (p, q) = pairwise ? (i / b.Shape[0], i % b.Shape[0]) : (i, i);
            result[i] = Similarity(kind, left.AsSpan(4 * p, 4), right.AsSpan(4 * q, 4), exact, eps).Value;
        }

        Write(y, result);
    }

    public override void BoxIouBackward(BoxIouKind kind, Tensor a, Tensor b, Tensor dy, Tensor? da, Tensor? db, bool pairwise, bool exact, float eps)
    {
        var (left, right, g) = (Read(a), Read(b), Read(dy));
        var (forA, forB) = (new double[left.Length], new double[right.Length]);
        for (var i = 0; i < g.Length; i++)
        {
            if (g[i] == 0) continue;
            var (p, q) = pairwise ? (i / b.Shape[0], i % b.Shape[0]) : (i, i);
            var slopes = Similarity(kind, left.AsSpan(4 * p, 4), right.AsSpan(4 * q, 4), exact, eps).Slopes;
            for (var k = 0; k < 4; k++)
            {
                forA[(4 * p) + k] += g[i] * slopes[k];
                forB[(4 * q) + k] += g[i] * slopes[4 + k];
            }
        }

        WriteIf(da, forA);
        WriteIf(db, forB);
    }

    public override void BoxCorners(Tensor x, Tensor y, bool toCorners, bool adjoint)
    {
        double[,] map = toCorners
            ? new[,] { { 1, 0, -0.5, 0 }, { 0, 1, 0, -0.5 }, { 1, 0, 0.5, 0 }, { 0, 1, 0, 0.5 } }
            : new[,] { { 0.5, 0, 0.5, 0 }, { 0, 0.5, 0, 0.5 }, { -1, 0, 1, 0 }, { 0, -1, 0, 1 } };
        var (values, result) = (Read(x), new double[x.Count]);
        for (var i = 0; i < result.Length; i++)
        {
            for (var k = 0; k < 4; k++)
            {
                var factor = adjoint ? map[k, i % 4] : map[i % 4, k];
                if (factor != 0) result[i] += factor * values[i - (i % 4) + k]; // a NaN stays on its axis
            }
        }

        Write(y, result);
    }

    private static Dual Similarity(BoxIouKind kind, ReadOnlySpan<double> first, ReadOnlySpan<double> second, bool exact, double eps)
    {
        var (a, b) = (new Dual[4], new Dual[4]);
        for (var k = 0; k < 4; k++) (a[k], b[k]) = (Dual.Input(first[k], k), Dual.Input(second[k], 4 + k));
        var margin = exact ? 0 : eps;
        var (w, h) = (Dual.Min(a[2], b[2]) - Dual.Max(a[0], b[0]), Dual.Min(a[3], b[3]) - Dual.Max(a[1], b[1]));
        var overlap = exact || (w.Value > 0 && h.Value > 0) ? Dual.Positive(w) * Dual.Positive(h) : 0;
        var union = ((a[2] - a[0]) * (a[3] - a[1])) + ((b[2] - b[0]) * (b[3] - b[1])) - overlap;
        var iou = overlap / (union + margin);
        if (kind == BoxIouKind.Iou) return iou;
        var (width, height) = (Dual.Max(a[2], b[2]) - Dual.Min(a[0], b[0]), Dual.Max(a[3], b[3]) - Dual.Min(a[1], b[1]));
        if (kind == BoxIouKind.Giou)
        {
            var hull = exact ? Dual.Positive(width) * Dual.Positive(height) : width * height;
            return iou - ((hull - union) / (hull + margin));
        }

        var (x, y) = ((b[0] + b[2] - a[0] - a[2]) / 2, (b[1] + b[3] - a[1] - a[3]) / 2);
        var near = iou - (((x * x) + (y * y)) / ((width * width) + (height * height) + eps));
        if (kind == BoxIouKind.Diou) return near;
        var angle = Dual.Atan((b[2] - b[0]) / (b[3] - b[1])) - Dual.Atan((a[2] - a[0]) / (a[3] - a[1]));
        var aspect = 4 / (Math.PI * Math.PI) * (angle * angle);
        return near - ((aspect / (1 - iou + aspect + eps)).Fixed() * aspect);
    }
}
