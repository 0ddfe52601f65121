using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Qwen2;

/// <summary>
/// Self-attention with grouped key heads (Ainslie et al. 2023) and rotary positions. Parameters <c>q_proj</c>, <c>k_proj</c>, <c>v_proj</c> with
/// biases, <c>o_proj</c> without.
/// </summary>
public sealed class Qwen2Attention(ParameterScope scope, Qwen2Config config)
{
    private readonly int _heads = config.NumAttentionHeads;
    private readonly int _keyHeads = config.NumKeyValueHeads;
    private readonly int _headSize = config.HeadSize;
    private readonly Linear _query = new(scope / "q_proj", config.HiddenSize, config.NumAttentionHeads * config.HeadSize);
    private readonly Linear _key = new(scope / "k_proj", config.HiddenSize, config.NumKeyValueHeads * config.HeadSize);
    private readonly Linear _value = new(scope / "v_proj", config.HiddenSize, config.NumKeyValueHeads * config.HeadSize);
    private readonly Linear _output = new(scope / "o_proj", config.NumAttentionHeads * config.HeadSize, config.HiddenSize, bias: false);

    /// <summary>[T, C] to [T, C].</summary>
    public Tensor Forward(Tensor x, RotaryAngles angles, AttentionLayout layout)
    {
        var T = x.Shape[0];
        var q = angles.Rotate(Op.Reshape(_query.Forward(x), T, _heads, _headSize));       // [T, H, D]
        var k = angles.Rotate(Op.Reshape(_key.Forward(x), T, _keyHeads, _headSize));      // [T, Hkv, D]
        var v = Op.Reshape(_value.Forward(x), T, _keyHeads, _headSize);                   // [T, Hkv, D]
        return _output.Forward(Op.Reshape(Op.Attention(q, k, v, layout), T, _heads * _headSize));
    }
}
