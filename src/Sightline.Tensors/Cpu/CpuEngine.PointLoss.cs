using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override void PointLoss(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b)
    {
        switch (kind)
        {
            case PointLossKind.Bce: Map(x, target, y, default(BceKernel)); break;
            case PointLossKind.Focal: Map(x, target, y, new FocalKernel(a, b)); break;
            case PointLossKind.QualityFocal: Map(x, target, y, new QualityFocalKernel(b)); break;
            case PointLossKind.Varifocal: Map(x, target, y, new VarifocalKernel(a, b)); break;
            case PointLossKind.L1: Map(x, target, y, default(L1Kernel)); break;
            case PointLossKind.SmoothL1: Map(x, target, y, new SmoothL1Kernel(a)); break;
            case PointLossKind.SquaredError: Map(x, target, y, default(SquaredErrorKernel)); break;
            default: throw new ShapeException($"PointLoss: unknown loss {kind}");
        }
    }

    /// <inheritdoc/>
    public override void PointLossSlope(PointLossKind kind, Tensor x, Tensor target, Tensor y, float a, float b)
    {
        switch (kind)
        {
            case PointLossKind.Bce: Map(x, target, y, default(BceSlope)); break;
            case PointLossKind.Focal: Map(x, target, y, new FocalSlope(a, b)); break;
            case PointLossKind.QualityFocal: Map(x, target, y, new QualityFocalSlope(b)); break;
            case PointLossKind.Varifocal: Map(x, target, y, new VarifocalSlope(a, b)); break;
            case PointLossKind.L1: Map(x, target, y, default(L1Slope)); break;
            case PointLossKind.SmoothL1: Map(x, target, y, new SmoothL1Slope(a)); break;
            case PointLossKind.SquaredError: Map(x, target, y, default(SquaredErrorSlope)); break;
            default: throw new ShapeException($"PointLossSlope: unknown loss {kind}");
        }
    }
}
