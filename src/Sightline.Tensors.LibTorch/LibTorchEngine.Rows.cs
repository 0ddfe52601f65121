using Sightline.Tensors.LibTorch.Native;

namespace Sightline.Tensors.LibTorch;

/// <content>Softmax and cross entropy over the last axis.</content>
public sealed unsafe partial class LibTorchEngine
{
    /// <inheritdoc/>
    public override void Softmax(Tensor x, Tensor? mask, Tensor y, bool log)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var C = x.Shape.Columns;
        var nothing = log ? double.NegativeInfinity : 0;
        var scores = work.Wide(x);
        Value? keep = null;
        if (mask is not null)
        {
            keep = work.Of(mask);
            scores = keep.Value.Choose(scores, double.NegativeInfinity);
        }

        scores = scores.View(x.Count / C, C);
        var empty = scores.LargestOf(1).Equal(double.NegativeInfinity);
        var result = log ? work.Call("aten::_log_softmax"u8, ""u8, scores, 1, false) : work.Call("aten::_softmax"u8, ""u8, scores, 1, false);
        work.Write(y, empty.Choose(nothing, result));
    }

    /// <inheritdoc/>
    public override void SoftmaxBackward(Tensor y, Tensor dy, Tensor dx, bool log)
    {
        if (dx.Count == 0) return;
        using var work = Work.On(this);
        long C = y.Shape.Columns, rows = y.Count / C;
        var (p, g) = (work.Wide(y, rows, C), work.Wide(dy, rows, C));
        var type = work.Number(DType.Float32);
        work.Write(dx, log
            ? work.Call("aten::_log_softmax_backward_data"u8, ""u8, g, p, 1, type)
            : work.Call("aten::_softmax_backward_data"u8, ""u8, g, p, 1, type));
    }

    /// <inheritdoc/>
    public override void CrossEntropy(Tensor x, Tensor targets, Tensor? classWeight, Tensor loss, Tensor lse, Tensor rowWeight, long ignore, float smoothing)
    {
        long N = x.Shape[0], C = x.Shape[1];
        if (N == 0) return;
        CheckTargets(targets, C, ignore);
        using var work = Work.On(this);
        var logits = work.Wide(x);
        var (isIgnored, target) = TargetsOf(work, targets, ignore); // [N], [N, 1]
        if (C == 0)
        {
            foreach (var result in (ReadOnlySpan<Tensor>)[loss, lse, rowWeight]) Clear(result);
            return;
        }

        // not aten::logsumexp, which hides an infinite logit
        var most = logits.LargestOf(1);
        var sums = (logits - most).Exp().Sum(1, keep: true).Log() + most; // [N, 1]
        var own = classWeight is null ? work.Full(1, DType.Float32, N) : work.Call("aten::index_select"u8, ""u8, work.Wide(classWeight), 0, target.View(N));
        var losses = (1.0 - smoothing) * own * (sums - Gather(work, logits, target)).View(N);
        if (smoothing > 0)
        {
            var rest = sums - logits; // [N, C]
            if (classWeight is not null) rest *= work.Wide(classWeight);
            losses += rest.Sum(1) * ((double)smoothing / C);
        }

        work.Write(loss, isIgnored.Choose(0, losses));
        work.Write(lse, isIgnored.Choose(0, sums.View(N)));
        work.Write(rowWeight, isIgnored.Choose(0, own));
    }

    /// <inheritdoc/>
    public override void CrossEntropyBackward(Tensor x, Tensor targets, Tensor? classWeight, Tensor lse, Tensor scale, Tensor dx, long ignore, float smoothing)
    {
        if (dx.Count == 0) return;
        long N = x.Shape[0], C = x.Shape[1];
        using var work = Work.On(this);
        var (isIgnored, target) = TargetsOf(work, targets, ignore);
        var own = classWeight is null ? work.Full(1, DType.Float32, N, 1) : work.Call("aten::index_select"u8, ""u8, work.Wide(classWeight), 0, target.View(N)).View(N, 1);
        var factor = work.Wide(scale, scale.Count == 1 ? [1, 1] : [N, 1]);
        factor = isIgnored.View(N, 1).Choose(0, factor); // [N, 1]
        var p = (work.Wide(x) - work.Of(lse, N, 1)).Exp();
        var spread = (double)smoothing / C;
        var mass = own * (1.0 - smoothing);
        Value gradient;
        if (smoothing > 0)
        {
            var weight = classWeight is null ? work.Full(1, DType.Float32, 1, C) : work.Wide(classWeight, 1, C);
            gradient = (p * (mass + (weight.Sum(1, keep: true) * spread))) - (weight * spread);
        }
        else
        {
            gradient = p * mass;
        }

        gradient = work.Call("aten::scatter_add"u8, ""u8, gradient, 1, target, -mass) * factor;
        work.Write(dx, isIgnored.View(N, 1).Choose(0, gradient));
    }

    /// <inheritdoc/>
    public override void SoftmaxEntropy(Tensor x, Tensor temperature, Tensor y)
    {
        long N = x.Shape[0];
        if (N == 0) return;
        using var work = Work.On(this);
        var scores = work.Wide(x);
        var z = (scores - scores.LargestOf(1)) * (1.0 / work.Of(temperature, N, 1)).Minimum(float.MaxValue);
        var e = z.Exp();
        var sum = e.Sum(1);
        const double NoWeight = -150; // e^-150 is 0: what has no weight adds nothing, and 0 times -inf is not a number
        work.Write(y, sum.Log() - ((e * z.Maximum(NoWeight)).Sum(1) / sum));
    }

    /// <summary>Which rows do not count, and the others' classes (0 for those), [N, 1].</summary>
    private static (Value IsIgnored, Value Target) TargetsOf(Work work, Tensor targets, long ignore)
    {
        var ids = work.Of(targets, targets.Count);
        var isIgnored = ids.Equal(work.Constant(ignore, DType.Int64));
        return (isIgnored, isIgnored.Choose(work.Constant(0, DType.Int64), ids).View(targets.Count, 1));
    }

    private static Value Gather(Work work, Value x, Value index) => work.Call("aten::gather"u8, ""u8, x, 1, index, false);

    /// <summary>On the processor only, as for other ids.</summary>
    private void CheckTargets(Tensor targets, long classes, long ignore)
    {
        if (Device.IsCuda) return;
        var ids = targets.ToArray<long>();
        for (var n = 0; n < ids.Length; n++)
        {
            if (ids[n] != ignore && (ids[n] < 0 || ids[n] >= classes)) throw new ShapeException($"CrossEntropy: target {ids[n]} at row {n}, but there are {classes} classes");
        }
    }
}
