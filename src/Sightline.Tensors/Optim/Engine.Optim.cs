using Sightline.Tensors.Optim;

namespace Sightline.Tensors;

public abstract partial class Engine
{
    /// <summary>One AdamW update in place (see <see cref="AdamWSettings"/>); all tensors float32 and of one shape.</summary>
    public abstract void AdamWStep(Tensor parameter, Tensor gradient, Tensor first, Tensor second, in AdamWSettings settings);

    /// <summary>target = decay · target + (1 - decay) · source; float32.</summary>
    public abstract void MoveAverage(Tensor target, Tensor source, float decay);

    /// <summary>Sum of squares, accumulated in float64, in pieces of fixed size that are added in order.</summary>
    public abstract double SquaredNorm(Tensor x);
}
