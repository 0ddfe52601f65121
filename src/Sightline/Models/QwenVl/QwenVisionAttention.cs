using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.QwenVl;

/// <summary>Attention between the patches of a picture with two-dimensional rotary positions. Parameters <c>qkv</c> and <c>proj</c>.</summary>
internal sealed class QwenVisionAttention(ParameterScope scope, QwenVisionConfig config)
{
    private readonly Linear _all = new(scope / "qkv", config.Channels, 3 * config.Channels);
    private readonly Linear _output = new(scope / "proj", config.Channels, config.Channels);

    /// <summary>[P, C] to [P, C].</summary>
    public Tensor Forward(Tensor x, RotaryAngles angles, AttentionLayout layout)
    {
        var P = x.Shape[0];
        var heads = config.NumHeads;
        var parts = Op.Chunk(_all.Forward(x), 1, 3);                                   // 3 x [P, C]
        var q = angles.Rotate(Op.Reshape(parts[0], P, heads, -1));                     // [P, H, D]
        var k = angles.Rotate(Op.Reshape(parts[1], P, heads, -1));                     // [P, H, D]
        var y = Op.Attention(q, k, Op.Reshape(parts[2], P, heads, -1), layout, rounded: _all.IsQuantized); // [P, H, D]
        return _output.Forward(Op.Reshape(y, P, config.Channels));
    }
}
