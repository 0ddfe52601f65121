using Sightline.Tensors.Ops;

namespace Sightline.Tensors;

public abstract partial class Engine
{
    /// <summary>y [N, OutH, OutW, O] = x [N, H, W, C] * w [O, C / Groups, KernelH, KernelW] + b [O].</summary>
    public abstract void Conv2d(Tensor x, Tensor w, Tensor? b, ConvGeometry geometry, Tensor y);

    /// <summary>dx [N, H, W, C] from dy [N, OutH, OutW, O]: the transposed convolution.</summary>
    public abstract void Conv2dInputGradient(Tensor dy, Tensor w, ConvGeometry geometry, Tensor dx);

    /// <summary>dw [O, C / Groups, KernelH, KernelW] from x and dy.</summary>
    public abstract void Conv2dWeightGradient(Tensor x, Tensor dy, ConvGeometry geometry, Tensor dw);
}
