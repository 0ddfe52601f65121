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

    /// <summary>[T, C] to [T, C]. With a cache the keys of the layout are its slots, else tokens.</summary>
    public Tensor Forward(Tensor x, RotaryAngles angles, AttentionLayout layout, LayerCache? cache = null)
    {
        x = Op.Add(x, _attention.Forward(_inputNorm.Forward(x), angles, layout, cache));
        var y = _norm.Forward(x);
        var (gate, up) = (_gate.Forward(y), _up.Forward(y));
        return Op.Add(x, _down.Forward(_activation == Activation.Silu ? Op.GatedSilu(gate, up) : Op.Mul(_activation.Apply(gate), up)));
    }
}
