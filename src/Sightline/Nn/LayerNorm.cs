using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>Layer normalisation over the last axis (Ba et al. 2016). Parameters <c>weight</c> and <c>bias</c> [C].</summary>
public sealed class LayerNorm(ParameterScope scope, int channels, float epsilon = 1e-6f)
{
    private readonly Tensor _weight = scope.Get("weight", [channels], Initializer.Ones);
    private readonly Tensor _bias = scope.Get("bias", [channels], Initializer.Zeros);

    /// <summary>[.., C] to [.., C].</summary>
    public Tensor Forward(Tensor x) => Op.LayerNorm(x, _weight, _bias, epsilon);
}
