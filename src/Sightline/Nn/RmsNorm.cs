using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>Division by the root of the mean square of the last axis (Zhang and Sennrich 2019). Parameter <c>weight</c> [C].</summary>
public sealed class RmsNorm(ParameterScope scope, int channels, float epsilon)
{
    private readonly Tensor _weight = scope.Get("weight", [channels], Initializer.Ones);

    /// <summary>[C].</summary>
    internal Tensor Weight => _weight;

    /// <summary>Added to mean squares.</summary>
    internal float Epsilon => epsilon;

    /// <summary>[.., C] to [.., C].</summary>
    public Tensor Forward(Tensor x) => Op.RmsNorm(x, _weight, epsilon);
}
