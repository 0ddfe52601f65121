using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Qwen2;

/// <summary>
/// Self-attention with grouped key heads (Ainslie et al. 2023) and rotary positions. Parameters <c>q_proj</c>, <c>k_proj</c>, <c>v_proj</c>,
/// <c>o_proj</c>, and in Qwen3 <c>q_norm</c> and <c>k_norm</c> over the channels of a head.
/// </summary>
public sealed class Qwen2Attention
{
    private readonly int _heads;
    private readonly int _keyHeads;
    private readonly int _headSize;
    private readonly Linear _query;
    private readonly Linear _key;
    private readonly Linear _value;
    private readonly Linear _output;
    private readonly RmsNorm? _queryNorm;
    private readonly RmsNorm? _keyNorm;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public Qwen2Attention(ParameterScope scope, Qwen2Config config)
    {
        ArgumentNullException.ThrowIfNull(config);
        (_heads, _keyHeads, _headSize) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadSize);
        _query = new Linear(scope / "q_proj", config.HiddenSize, _heads * _headSize, config.HasInputBias);
        _key = new Linear(scope / "k_proj", config.HiddenSize, _keyHeads * _headSize, config.HasInputBias);
        _value = new Linear(scope / "v_proj", config.HiddenSize, _keyHeads * _headSize, config.HasInputBias);
        _output = new Linear(scope / "o_proj", _heads * _headSize, config.HiddenSize, config.AttentionBias);
        Projections = [_query, _key, _value, _output];
        if (!config.HasHeadNorms) return;
        _queryNorm = new RmsNorm(scope / "q_norm", _headSize, config.RmsNormEps);
        _keyNorm = new RmsNorm(scope / "k_norm", _headSize, config.RmsNormEps);
    }

    /// <summary>The projections in the order query, key, value, output.</summary>
    internal Linear[] Projections { get; }

    /// <summary>The norms of query and key heads, where there are any.</summary>
    internal (RmsNorm? Query, RmsNorm? Key) HeadNorms => (_queryNorm, _keyNorm);

    /// <summary>[T, C] to [T, C]. With a cache the keys of the layout are its slots, else tokens.</summary>
    public Tensor Forward(Tensor x, RotaryAngles angles, AttentionLayout layout, LayerCache? cache = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(angles);
        ArgumentNullException.ThrowIfNull(layout);
        var T = x.Shape[0];
        var q = Op.Reshape(_query.Forward(x), T, _heads, _headSize);       // [T, H, D]
        var k = Op.Reshape(_key.Forward(x), T, _keyHeads, _headSize);      // [T, Hkv, D]
        var v = Op.Reshape(_value.Forward(x), T, _keyHeads, _headSize);    // [T, Hkv, D]
        q = angles.Rotate(_queryNorm is null ? q : _queryNorm.Forward(q));
        k = angles.Rotate(_keyNorm is null ? k : _keyNorm.Forward(k));
        if (cache is { } past) (k, v) = past.Extend(k, v, layout.KeyEnd);  // [S, Hkv, D]
        return _output.Forward(Op.Reshape(Op.Attention(q, k, v, layout), T, _heads * _headSize));
    }
}
