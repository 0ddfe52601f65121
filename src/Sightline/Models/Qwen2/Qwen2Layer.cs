using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Qwen2;

/// <summary>x += attention(norm(x)); x += down(act(gate(norm(x))) · up(norm(x))), with root-mean-square norms.</summary>
public sealed class Qwen2Layer(ParameterScope scope, Qwen2Config config)
{
    private readonly RmsNorm _inputNorm = new(scope / "input_layernorm", config.HiddenSize, config.RmsNormEps);
    private readonly Qwen2Attention _attention = new(scope / "self_attn", config);
    private readonly RmsNorm _norm = new(scope / "post_attention_layernorm", config.HiddenSize, config.RmsNormEps);
    private readonly Linear _gate = new(scope / "mlp" / "gate_proj", config.HiddenSize, config.IntermediateSize, bias: false);
    private readonly Linear _up = new(scope / "mlp" / "up_proj", config.HiddenSize, config.IntermediateSize, bias: false);
    private readonly Linear _down = new(scope / "mlp" / "down_proj", config.IntermediateSize, config.HiddenSize, bias: false);
    private readonly Activation _activation = Activations.Parse(config.HiddenAct);
    private DecoderLayer? _whole;

    /// <summary>[T, C] to [T, C]. With a cache the keys of the layout are its slots, else tokens.</summary>
    public Tensor Forward(Tensor x, RotaryAngles angles, AttentionLayout layout, LayerCache? cache = null)
    {
        ArgumentNullException.ThrowIfNull(angles);
        if (cache is { } past && x.Shape[0] <= DecoderLayer.FewTokens && Whole() is { } whole)
        {
            var (keys, values) = past.Cache.Of(past.Layer);
            if (Op.DecoderLayer(whole, new DecoderStep(x, angles.Cos, angles.Sin, layout, keys, values, past.Slots)) is { } result) return result;
        }

        x = Op.Add(x, _attention.Forward(_inputNorm.Forward(x), angles, layout, cache));
        var y = _norm.Forward(x);
        var (gate, up) = (_gate.Forward(y), _up.Forward(y));
        return Op.Add(x, _down.Forward(_activation == Activation.Silu ? Op.GatedSilu(gate, up) : Op.Mul(_activation.Apply(gate), up)));
    }

    /// <summary>The layer as one kernel takes it, or null where a part of it is not quantized, has an adapter, or is watched.</summary>
    private DecoderLayer? Whole()
    {
        var parts = _attention.Projections;
        if (_activation != Activation.Silu) return null;
        if (parts[0].Frozen is not { } query || parts[1].Frozen is not { } key || parts[2].Frozen is not { } value || parts[3].Frozen is not { } output) return null;
        if (_gate.Frozen is not { } gate || _up.Frozen is not { } up || _down.Frozen is not { } down) return null;
        return _whole ??= new DecoderLayer
        {
            InputNorm = _inputNorm.Weight,
            Query = query,
            Key = key,
            Value = value,
            Output = output,
            QueryBias = parts[0].Bias,
            KeyBias = parts[1].Bias,
            ValueBias = parts[2].Bias,
            OutputBias = parts[3].Bias,
            QueryNorm = _attention.HeadNorms.Query?.Weight,
            KeyNorm = _attention.HeadNorms.Key?.Weight,
            Norm = _norm.Weight,
            Gate = gate,
            Up = up,
            Down = down,
            Epsilon = config.RmsNormEps,
            Heads = config.NumAttentionHeads,
            KeyHeads = config.NumKeyValueHeads,
        };
    }
}
