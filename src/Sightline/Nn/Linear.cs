using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>y = x Wᵀ + b, over the last axis. Parameters <c>weight</c> [Out, In] and <c>bias</c> [Out].</summary>
public sealed class Linear(ParameterScope scope, int inputs, int outputs, bool bias = true, Initializer? initializer = null)
{
    private readonly Tensor _weight = scope.Get("weight", [outputs, inputs], initializer ?? Initializer.FanIn());
    private readonly Tensor? _bias = bias ? scope.Get("bias", [outputs], Initializer.Zeros) : null;

    /// <summary>[.., In] to [.., Out].</summary>
    public Tensor Forward(Tensor x) => Op.Linear(x, _weight, _bias);
}
