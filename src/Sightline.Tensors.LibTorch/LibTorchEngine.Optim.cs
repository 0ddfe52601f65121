using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Optim;

namespace Sightline.Tensors.LibTorch;

/// <content>Optimizer steps: the library's fused ones, whose order of operations is the seam's.</content>
public sealed unsafe partial class LibTorchEngine
{
    /// <inheritdoc/>
    public override void AdamWStep(Tensor parameter, Tensor gradient, Tensor first, Tensor second, in AdamWSettings settings, Tensor? largest = null, Tensor? copy = null)
    {
        if (parameter.Count == 0) return;
        using var work = Work.On(this);
        var n = parameter.Count;
        var g = work.Wide(gradient, n);
        if (settings.GradientScale != 1) g *= (double)settings.GradientScale;
        var step = work.Full(settings.Step, DType.Float32);
        var (w, m, v) = (work.Of(parameter, n), work.Of(first, n), work.Of(second, n));
        var top = largest is null ? work.List() : work.List(work.Of(largest, n));
        work.Execute(
            settings.Decoupled ? "aten::_fused_adamw_"u8 : "aten::_fused_adam_"u8, ""u8, work.List(w), work.List(g), work.List(m), work.List(v), top, work.List(step),
            settings.LearningRate, settings.Beta1, settings.Beta2, settings.WeightDecay, settings.Epsilon, largest is not null, false, Argument.None, Argument.None);
        if (copy is not null) work.CopyInto(work.Of(copy, n), w);
    }

    /// <inheritdoc/>
    public override void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, in SgdSettings settings)
    {
        if (parameter.Count == 0) return;
        using var work = Work.On(this);
        var (w, g) = (work.Wide(parameter), work.Wide(gradient, Sizes(parameter)));
        g *= (double)settings.GradientScale;
        if (settings.WeightDecay != 0) g += w * settings.WeightDecay;
        if (velocity is not null)
        {
            var u = (work.Of(velocity) * settings.Momentum) + g;
            g = settings.Nesterov ? g + (u * settings.Momentum) : u;
            work.CopyInto(work.Of(velocity), u);
        }

        work.Write(parameter, work.Subtract(w, g, settings.LearningRate));
    }

    /// <inheritdoc/>
    public override void MoveAverage(Tensor target, Tensor source, float decay)
    {
        if (target.Count == 0) return;
        using var work = Work.On(this);
        work.Write(target, work.Subtract(work.Of(target) * (double)decay, work.Wide(source, Sizes(target)), -(1.0 - decay)));
    }

    /// <inheritdoc/>
    public override double SquaredNorm(Tensor x)
    {
        if (x.Count == 0) return 0;
        using var work = Work.On(this);
        var values = work.Wide(x, x.Count);
        return ReadNumber(SumAll(work, values * values));
    }

    /// <inheritdoc/>
    public override double Norm(Tensor x, NormKind kind)
    {
        if (x.Count == 0) return 0;
        if (kind == NormKind.Two) return Math.Sqrt(SquaredNorm(x));
        using var work = Work.On(this);
        var sizes = work.Wide(x, x.Count).Abs();
        return ReadNumber(kind == NormKind.One ? SumAll(work, sizes) : sizes.LargestOf(0).AsFloat64());
    }

    /// <summary>The sum of a vector, in float64.</summary>
    private static Value SumAll(Work work, Value x) => work.Call("aten::sum"u8, "dim_IntList"u8, x, work.Some(work.List(0)), false, work.Some(work.Float64));

    private double ReadNumber(Value value)
    {
        double number;
        if (Device.IsCuda)
        {
            nint here;
            long one = 1;
            Native.Check(Native.FromBlob(&number, 1, &one, &one, 0, Native.Float64, Native.CpuDevice, 0, &here, Native.Strided, null, 0), "aten::from_blob");
            CopyAcross(value.Handle, 0, here, 1, toDevice: false);
            return number;
        }

        return *(double*)Address(value.Handle);
    }
}
