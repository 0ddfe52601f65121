using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>
/// A pre-norm transformer encoder layer over packed sequences: x += s1 · attention(norm1(x)); x += s2 · mlp(norm2(x)). The
/// scales, one number a channel, are LayerScale (Touvron et al. 2021); null leaves them out.
/// </summary>
public sealed class EncoderBlock(
    LayerNorm norm1, MultiHeadAttention attention, LayerNorm norm2, Func<Tensor, Tensor> feedForward, Tensor? scale1 = null, Tensor? scale2 = null)
{
    /// <summary>[T, C] to [T, C].</summary>
    public Tensor Forward(Tensor x, AttentionLayout layout)
    {
        var y = norm1.Forward(x);
        x = Op.Add(x, Scaled(attention.Forward(y, y, layout), scale1));
        return Op.Add(x, Scaled(feedForward(norm2.Forward(x)), scale2));
    }

    private static Tensor Scaled(Tensor branch, Tensor? scale) => scale is null ? branch : Op.Mul(branch, scale);
}
