using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>Two linear layers with a GELU (tanh form) between them. Parameters <c>up</c> and <c>down</c>.</summary>
public sealed class FeedForward(ParameterScope scope, int channels, int hidden)
{
    private readonly Linear _up = new(scope / "up", channels, hidden);
    private readonly Linear _down = new(scope / "down", hidden, channels);

    /// <summary>[.., C] to [.., C].</summary>
    public Tensor Forward(Tensor x) => _down.Forward(Op.Gelu(_up.Forward(x), GeluKind.Tanh));
}
