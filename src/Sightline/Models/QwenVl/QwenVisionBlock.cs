using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.QwenVl;

/// <summary>x += attention(norm1(x)); x += mlp(norm2(x)). Norms and feed-forward layer are those of the generation.</summary>
internal sealed class QwenVisionBlock
{
    private readonly Func<Tensor, Tensor> _norm1;
    private readonly QwenVisionAttention _attention;
    private readonly Func<Tensor, Tensor> _norm2;
    private readonly Func<Tensor, Tensor> _feedForward;

    public QwenVisionBlock(ParameterScope scope, QwenVisionConfig config, QwenVlKind kind)
    {
        _norm1 = Norm(scope / "norm1", config.Channels, kind);
        _norm2 = Norm(scope / "norm2", config.Channels, kind);
        _attention = new QwenVisionAttention(scope / "attn", config);
        _feedForward = FeedForward(scope / "mlp", config, kind);
    }

    /// <summary>[P, C] to [P, C].</summary>
    public Tensor Forward(Tensor x, RotaryAngles angles, AttentionLayout layout)
    {
        x = Op.Add(x, _attention.Forward(_norm1(x), angles, layout));
        return Op.Add(x, _feedForward(_norm2(x)));
    }

    /// <summary>The tower's norm, with the 1e-6 that all three generations have in code.</summary>
    public static Func<Tensor, Tensor> Norm(ParameterScope scope, int channels, QwenVlKind kind) =>
        kind == QwenVlKind.Qwen25 ? new RmsNorm(scope, channels, 1e-6f).Forward : new LayerNorm(scope, channels).Forward;

    private static Func<Tensor, Tensor> FeedForward(ParameterScope scope, QwenVisionConfig config, QwenVlKind kind)
    {
        var activation = Activations.Parse(config.HiddenAct);
        var (channels, hidden) = (config.Channels, config.IntermediateSize);
        if (kind != QwenVlKind.Qwen25)
        {
            var (first, second) = kind == QwenVlKind.Qwen3 ? ("linear_fc1", "linear_fc2") : ("fc1", "fc2");
            return new FeedForward(new Linear(scope / first, channels, hidden), new Linear(scope / second, hidden, channels), activation).Forward;
        }

        var gate = new Linear(scope / "gate_proj", channels, hidden);
        var up = new Linear(scope / "up_proj", channels, hidden);
        var down = new Linear(scope / "down_proj", hidden, channels);
        return x => down.Forward(Op.Mul(activation.Apply(gate.Forward(x)), up.Forward(x)));
    }
}
