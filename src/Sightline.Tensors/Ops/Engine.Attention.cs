using Sightline.Tensors.Ops;

namespace Sightline.Tensors;

public abstract partial class Engine
{
    /// <summary>Scaled dot-product attention over spans; see <see cref="Op.Attention"/>. Writes out and, for the backward pass, logSumExp.</summary>
    /// <param name="q">[T, H, D].</param>
    /// <param name="k">[S, Hkv, D].</param>
    /// <param name="v">[S, Hkv, Dv].</param>
    /// <param name="layout">Who sees whom.</param>
    /// <param name="scale">Factor on the scores.</param>
    /// <param name="output">[T, H, Dv].</param>
    /// <param name="logSumExp">[H, T] float32: log2 of the sum of 2^score' with score' = score · log2 e; +inf where a query sees nothing.</param>
    public abstract void Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp);

    /// <summary>
    /// As <see cref="Attention"/> with the operands of both products, probabilities too, rounded to bfloat16. Optional: false where the engine is not faster that way,
    /// or not for this layout; nothing has been written then.
    /// </summary>
    public virtual bool RoundedAttention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp) => false;

    /// <summary>Writes dq, dk, dv from what <see cref="Attention"/> saved; scores are computed again.</summary>
    public abstract void AttentionBackward(
        Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv);
}
