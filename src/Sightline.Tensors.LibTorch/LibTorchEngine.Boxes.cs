using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.LibTorch;

/// <content>Similarities of boxes: one formula in float64 whose numbers carry their derivatives by the eight coordinates.</content>
public sealed unsafe partial class LibTorchEngine
{
    /// <inheritdoc/>
    public override void BoxIou(BoxIouKind kind, Tensor a, Tensor b, Tensor y, bool pairwise, bool exact, float eps)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.Write(y, Similarity(kind, Coordinates(work, a, b, pairwise, withSlopes: false), exact, eps).Value);
    }

    /// <inheritdoc/>
    public override void BoxIouBackward(BoxIouKind kind, Tensor a, Tensor b, Tensor dy, Tensor? da, Tensor? db, bool pairwise, bool exact, float eps)
    {
        if (dy.Count == 0)
        {
            ClearAll(da, db);
            return;
        }

        using var work = Work.On(this);
        var result = Similarity(kind, Coordinates(work, a, b, pairwise, withSlopes: true), exact, eps);
        var g = pairwise ? work.Of(dy, a.Shape[0], b.Shape[0]).AsFloat64() : work.Of(dy, a.Shape[0]).AsFloat64();
        var isUsed = g.Equal(0).Not(); // a gradient of 0 counts for nothing even where the slope is not finite
        for (var k = 0; k < 8; k++)
        {
            var target = k < 4 ? da : db;
            if (target is null) continue;
            var rows = target.Shape[0];
            var at = work.Of(target, [rows], [4], k % 4);
            if (result.Slopes[k] is not { } slope)
            {
                work.CopyInto(at, work.Constant(0.0));
                continue;
            }

            var part = isUsed.Choose(g * slope, 0);
            work.CopyInto(at, pairwise ? part.Sum(k < 4 ? 1 : 0) : part);
        }
    }

    /// <inheritdoc/>
    public override void BoxCorners(Tensor x, Tensor y, bool toCorners, bool adjoint)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var rows = x.Count / 4;
        var (first, second) = (work.Of(x, [rows, 2], [4, 1]), work.Of(x, [rows, 2], [4, 1], 2));
        var (head, tail) = (toCorners, adjoint) switch
        {
            (true, false) => (first - (second * 0.5), first + (second * 0.5)),
            (true, true) => (first + second, (second - first) * 0.5),
            (false, false) => ((first + second) * 0.5, second - first),
            _ => ((first * 0.5) - second, (first * 0.5) + second),
        };
        work.CopyInto(work.Of(y, [rows, 2], [4, 1]), head);
        work.CopyInto(work.Of(y, [rows, 2], [4, 1], 2), tail);
    }

    /// <summary>The eight coordinates of every pair of boxes, float64: [N, 1] and [1, M] when pairwise, else [N].</summary>
    private static BoxNumber[] Coordinates(Work work, Tensor a, Tensor b, bool pairwise, bool withSlopes)
    {
        var numbers = new BoxNumber[8];
        for (var k = 0; k < 8; k++)
        {
            var (boxes, column) = (k < 4 ? a : b, k % 4);
            var rows = boxes.Shape[0];
            var value = pairwise
                ? (k < 4 ? work.Of(boxes, [rows, 1], [4, 1], column) : work.Of(boxes, [1, rows], [1, 4], column))
                : work.Of(boxes, [rows], [4], column);
            numbers[k] = new BoxNumber(value.AsFloat64());
            if (withSlopes) numbers[k].Slopes[k] = work.Constant(1.0);
        }

        return numbers;
    }

    private static BoxNumber Similarity(BoxIouKind kind, BoxNumber[] c, bool exact, double eps)
    {
        var (a, b) = (c[..4], c[4..]);
        var margin = exact ? 0 : eps;
        var (w, h) = (BoxNumber.Min(a[2], b[2]) - BoxNumber.Max(a[0], b[0]), BoxNumber.Min(a[3], b[3]) - BoxNumber.Max(a[1], b[1]));
        var overlap = exact ? w.Positive() * h.Positive() : (w * h).Where(w.Value.Greater(0).And(h.Value.Greater(0)));
        var union = ((a[2] - a[0]) * (a[3] - a[1])) + ((b[2] - b[0]) * (b[3] - b[1])) - overlap;
        var iou = overlap / (union + margin);
        if (kind == BoxIouKind.Iou) return iou;
        var (width, height) = (BoxNumber.Max(a[2], b[2]) - BoxNumber.Min(a[0], b[0]), BoxNumber.Max(a[3], b[3]) - BoxNumber.Min(a[1], b[1]));
        if (kind == BoxIouKind.Giou)
        {
            var hull = exact ? width.Positive() * height.Positive() : width * height;
            return iou - ((hull - union) / (hull + margin));
        }

        var (x, y) = ((b[0] + b[2] - a[0] - a[2]) * 0.5, (b[1] + b[3] - a[1] - a[3]) * 0.5);
        var near = iou - (((x * x) + (y * y)) / ((width * width) + (height * height) + eps));
        if (kind == BoxIouKind.Diou) return near;
        var angle = ((b[2] - b[0]) / (b[3] - b[1])).Atan() - ((a[2] - a[0]) / (a[3] - a[1])).Atan();
        var aspect = angle * angle * (4 / (Math.PI * Math.PI));
        var weight = aspect.Value / (1 - iou.Value + aspect.Value + eps);
        return near - (aspect * weight);
    }
}

/// <summary>Numbers with their slopes by eight inputs; a slope that is null is zero everywhere. Where two sides of a minimum are equal each gets half.</summary>
internal readonly struct BoxNumber(Value value, Value?[] slopes)
{
    public BoxNumber(Value value)
        : this(value, new Value?[8])
    {
    }

    public Value Value => value;

    public Value?[] Slopes => slopes;

    public static BoxNumber operator +(BoxNumber a, BoxNumber b) => Join(a, b, a.Value + b.Value, s => s, s => s);

    public static BoxNumber operator +(BoxNumber a, double b) => b == 0 ? a : new BoxNumber(a.Value + b, a.Slopes);

    public static BoxNumber operator -(BoxNumber a, BoxNumber b) => Join(a, b, a.Value - b.Value, s => s, s => -s);

    public static BoxNumber operator *(BoxNumber a, BoxNumber b) => Join(a, b, a.Value * b.Value, s => s * b.Value, s => s * a.Value);

    /// <summary>Times a constant.</summary>
    public static BoxNumber operator *(BoxNumber a, Value b) => Map(a, a.Value * b, s => s * b);

    public static BoxNumber operator *(BoxNumber a, double b) => Map(a, a.Value * b, s => s * b);

    public static BoxNumber operator /(BoxNumber a, BoxNumber b)
    {
        var ratio = a.Value / b.Value;
        return Join(a, b, ratio, s => s / b.Value, s => -(s * ratio / b.Value));
    }

    public static BoxNumber Min(BoxNumber a, BoxNumber b) => Between(a, b, a.Value.Minimum(b.Value), a.Value.Less(b.Value));

    public static BoxNumber Max(BoxNumber a, BoxNumber b) => Between(a, b, a.Value.Maximum(b.Value), a.Value.Greater(b.Value));

    /// <summary>max(this, 0), without a slope at 0.</summary>
    public BoxNumber Positive() => Where(value.Greater(0));

    /// <summary>This where a mask says so, else 0.</summary>
    public BoxNumber Where(Value mask) => Map(this, mask.Choose(value, 0), s => mask.Choose(s, 0));

    public BoxNumber Atan()
    {
        var slope = 1 / (1 + (value * value));
        return Map(this, value.Atan(), s => s * slope);
    }

    private static BoxNumber Between(BoxNumber a, BoxNumber b, Value value, Value isLeft)
    {
        var isEqual = a.Value.Equal(b.Value);
        var share = isLeft.Choose(1, isEqual.Choose(0.5, a.Value.Work.Constant(0.0)));
        return Join(a, b, value, s => s * share, s => s * (1 - share));
    }

    private static BoxNumber Map(BoxNumber a, Value value, Func<Value, Value> slope)
    {
        var slopes = new Value?[8];
        for (var i = 0; i < 8; i++) slopes[i] = a.Slopes[i] is { } s ? slope(s) : null;
        return new BoxNumber(value, slopes);
    }

    private static BoxNumber Join(BoxNumber a, BoxNumber b, Value value, Func<Value, Value> byA, Func<Value, Value> byB)
    {
        var slopes = new Value?[8];
        for (var i = 0; i < 8; i++)
        {
            Value? left = a.Slopes[i] is { } s ? byA(s) : null, right = b.Slopes[i] is { } t ? byB(t) : null;
            slopes[i] = left is { } l && right is { } r ? l + r : left ?? right;
        }

        return new BoxNumber(value, slopes);
    }
}
