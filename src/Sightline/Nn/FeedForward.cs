using Sightline.Tensors;

namespace Sightline.Nn;

/// <summary>Two linear layers with an activation between them.</summary>
public sealed class FeedForward(Linear up, Linear down, Activation activation)
{
    /// <summary>With a GELU (tanh form) and the parameters <c>up</c> and <c>down</c>.</summary>
    public FeedForward(ParameterScope scope, int channels, int hidden)
        : this(new Linear(scope / "up", channels, hidden), new Linear(scope / "down", hidden, channels), Activation.GeluTanh)
    {
    }

    /// <summary>[.., C] to [.., C].</summary>
    public Tensor Forward(Tensor x) => down.Forward(activation.Apply(up.Forward(x)));
}
