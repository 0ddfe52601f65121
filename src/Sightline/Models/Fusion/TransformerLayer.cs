using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>A pre-norm transformer encoder layer over packed sequences: x += attention(norm(x)); x += mlp(norm(x)).</summary>
internal sealed class TransformerLayer(ParameterScope scope, FusionConfig config)
{
    private readonly LayerNorm _norm1 = new(scope / "norm1", config.HiddenSize);
    private readonly LayerNorm _norm2 = new(scope / "norm2", config.HiddenSize);
    private readonly MultiHeadAttention _attention = new(scope / "attention", config.HiddenSize, config.NumAttentionHeads);
    private readonly FeedForward _mlp = new(scope / "mlp", config.HiddenSize, config.HiddenSize * config.FeedForwardRatio);

    /// <summary>[T, C] to [T, C]; <paramref name="random"/> is null outside training.</summary>
    public Tensor Forward(Tensor x, AttentionLayout layout, RandomStream? random)
    {
        var y = _norm1.Forward(x);
        x = Residual.Add(x, _attention.Forward(y, y, layout), config.Dropout, random);
        return Residual.Add(x, _mlp.Forward(_norm2.Forward(x)), config.Dropout, random);
    }
}

/// <summary>Residual connections with dropout on the branch while training.</summary>
internal static class Residual
{
    /// <summary>x + dropout(branch).</summary>
    public static Tensor Add(Tensor x, Tensor branch, float dropout, RandomStream? random) =>
        Op.Add(x, random is null || dropout == 0 ? branch : Op.Dropout(branch, dropout, random, training: true));
}
