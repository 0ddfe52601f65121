using Sightline.Tensors.Optim;

namespace Sightline.Tensors;

public abstract partial class Engine
{
    /// <summary>
    /// One AdamW update in place (see <see cref="AdamWSettings"/>); the gradient of any float type, everything else float32, all of one shape.
    /// </summary>
    /// <param name="parameter">The (master) weights.</param>
    /// <param name="gradient">d loss / d weights.</param>
    /// <param name="first">Mean gradient.</param>
    /// <param name="second">Mean squared gradient.</param>
    /// <param name="settings">The numbers.</param>
    /// <param name="largest">For AMSGrad the largest mean squared gradient so far.</param>
    /// <param name="copy">The model's own 16-bit weights, which receive the rounded master.</param>
    public abstract void AdamWStep(Tensor parameter, Tensor gradient, Tensor first, Tensor second, in AdamWSettings settings, Tensor? largest = null, Tensor? copy = null);

    /// <summary>One step of gradient descent in place; <paramref name="velocity"/> is null without momentum. Float32.</summary>
    public abstract void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, in SgdSettings settings);

    /// <summary>target = decay · target + (1 - decay) · source; float32.</summary>
    public abstract void MoveAverage(Tensor target, Tensor source, float decay);

    /// <summary>Sum of squares. Pieces of 2^14 elements are summed in float32 with sixteen lanes, their sums added in order in float64.</summary>
    public abstract double SquaredNorm(Tensor x);

    /// <summary>√Σ x², Σ |x| or max |x|, in the order of <see cref="SquaredNorm"/>.</summary>
    public abstract double Norm(Tensor x, NormKind kind);
}
