using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.LibTorch;

/// <content>Losses of one number against one target, composed of elementwise operators in float32.</content>
public sealed unsafe partial class LibTorchEngine
{
    /// <inheritdoc/>
    public override void PointLoss(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.Write(y, Loss(kind, work.Wide(x), work.Wide(target), a, b));
    }

    /// <inheritdoc/>
    public override void PointLossSlope(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        work.Write(y, Slope(kind, work.Wide(x), work.Wide(target), a, b));
    }

    private static Value Bce(Value x, Value t) => x.Maximum(0) - (x * t) + (-x.Abs()).Exp().Log1p();

    /// <summary>p (1 - t) + (1 - p) t: how far the prediction is from the target.</summary>
    private static Value Miss(Value p, Value t) => (p * (1 - t)) + ((1 - p) * t);

    private static Value Alpha(Value t, float a) => a < 0 ? t.Work.Constant(1.0) : (t * a) + ((1 - t) * (1.0 - a));

    private static Value Loss(PointLossKind kind, Value x, Value t, float a, float b)
    {
        switch (kind)
        {
            case PointLossKind.Bce: return Bce(x, t);
            case PointLossKind.Focal: return Alpha(t, a) * Miss(x.Sigmoid(), t).Power(b) * Bce(x, t);
            case PointLossKind.QualityFocal: return (x.Sigmoid() - t).Abs().Power(b) * Bce(x, t);
            case PointLossKind.Varifocal: return t.Greater(0).Choose(t, x.Sigmoid().Power(b) * a) * Bce(x, t);
            case PointLossKind.L1: return (x - t).Abs();
            case PointLossKind.SmoothL1:
                var distance = (x - t).Abs();
                return distance.Less(a).Choose(distance * distance / (2.0 * a), distance - (a / 2.0));
            default: return (x - t) * (x - t);
        }
    }

    private static Value Slope(PointLossKind kind, Value x, Value t, float a, float b)
    {
        var d = x - t;
        if (kind == PointLossKind.L1) return d.Sign();
        if (kind == PointLossKind.SmoothL1) return d.Abs().Less(a).Choose(d / a, d.Sign());
        if (kind == PointLossKind.SquaredError) return d * 2;
        var p = x.Sigmoid();
        var (error, bend) = (p - t, p * (1 - p));
        if (kind == PointLossKind.Bce) return error;
        var bce = Bce(x, t);
        if (kind == PointLossKind.Focal)
        {
            var miss = Miss(p, t);
            return Alpha(t, a) * ((error * miss.Power(b)) + (bce * PowerSlope(miss, b) * bend * (1 - (2 * t))));
        }

        if (kind == PointLossKind.QualityFocal) return (error * error.Abs().Power(b)) + (bce * PowerSlope(error.Abs(), b) * error.Sign() * bend);
        return t.Greater(0).Choose(t * error, a * ((error * p.Power(b)) + (bce * PowerSlope(p, b) * bend)));
    }

    /// <summary>d q^γ / d q, 0 at q = 0 unless γ is 1.</summary>
    private static Value PowerSlope(Value q, float gamma) => gamma == 1 ? q.Work.Constant(1.0) : q.Equal(0).Choose(0, gamma * q.Power(gamma - 1.0));
}
