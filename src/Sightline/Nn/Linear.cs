using Sightline.Tensors;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;

namespace Sightline.Nn;

/// <summary>
/// y = x Wᵀ + b, over the last axis. Parameters <c>weight</c> [Out, In] and <c>bias</c> [Out]. The store decides whether the product runs on
/// int8 or int4 weights (<see cref="WeightPlan"/>), and whether a low-rank adapter is added (<see cref="ParameterStore.Adapters"/>).
/// </summary>
public sealed class Linear
{
    private readonly ParameterScope _scope;
    private readonly Tensor? _weight;
    private readonly Tensor? _bias;
    private readonly QuantizedWeight? _quantized;
    private readonly LoraAdapter? _adapter;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public Linear(ParameterScope scope, int inputs, int outputs, bool bias = true, Initializer? initializer = null)
    {
        _scope = scope;
        (_weight, _quantized) = scope.GetLinear("weight", [outputs, inputs], initializer ?? Initializer.FanIn());
        _bias = bias ? scope.Get("bias", [outputs], Initializer.Zeros) : null;
        _adapter = scope.GetAdapter(outputs, inputs);
    }

    /// <summary>The quantized matrix where that and the bias are all there is to this layer at the moment: no adapter, and nobody who watches its inputs.</summary>
    internal QuantizedWeight? Frozen => _scope.IsWatched || _adapter is { IsActive: true } ? null : _quantized;

    /// <summary>Whether the matrix has 8 or 4 bits a number.</summary>
    internal bool IsQuantized => _quantized is not null;

    /// <summary>[Out], or null.</summary>
    internal Tensor? Bias => _bias;

    /// <summary>[.., In] to [.., Out].</summary>
    public Tensor Forward(Tensor x)
    {
        if (_scope.IsWatched) _scope.Watch("weight", x);
        var y = _quantized is not null
            ? Op.QuantizedLinear(x, _quantized, _bias)
            : Op.Linear(x, Precision.Match(_weight!, x), _bias is null ? null : Precision.Match(_bias, x));
        return _adapter is null ? y : _adapter.AddTo(y, x);
    }
}
