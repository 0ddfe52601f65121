using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Ops;

public static partial class Op
{
    /// <summary>
    /// Softmax attention: out_i = Σ_j p_ij v_j with p_ij = softmax over the keys j that query i sees of scale · q_i · k_j
    /// (Vaswani et al. 2017), in blocks that never hold all scores (Dao et al. 2022, FlashAttention): forward keeps a running
    /// maximum and sum, backward computes the scores again from the saved log-sum-exp. With fewer key heads than query heads,
    /// key head h / (H / Hkv) serves query head h. Sums in float32. Queries that see nothing give 0.
    /// </summary>
    /// <param name="q">[T, H, D].</param>
    /// <param name="k">[S, Hkv, D].</param>
    /// <param name="v">[S, Hkv, Dv].</param>
    /// <param name="layout">Which queries see which keys.</param>
    /// <param name="scale">Factor on the scores; 1 / sqrt(D) when null.</param>
    /// <param name="rounded">
    /// The operands of both products may be rounded to bfloat16 where the engine is faster that way, for models whose weights are rounded more than that. The gradient takes the rounding as identity.
    /// </param>
    /// <returns>[T, H, Dv], in the element type of q.</returns>
    /// <exception cref="ShapeException">Sizes do not fit each other or the layout.</exception>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, float? scale = null, bool rounded = false)
    {
        RequireFloat("Attention", q, k, v);
        if (q.Shape.Rank != 3 || k.Shape.Rank != 3 || v.Shape.Rank != 3 || q.Shape[2] != k.Shape[2] || k.Shape[0] != v.Shape[0]
            || k.Shape[1] != v.Shape[1] || k.Shape[1] == 0 || q.Shape[1] % k.Shape[1] != 0)
            throw new ShapeException($"Attention: needs q [T, H, D], k [S, Hkv, D], v [S, Hkv, Dv] with H a multiple of Hkv; got q {q}, k {k}, v {v}");
        if (layout.QueryEnd > q.Shape[0] || layout.KeyEnd > k.Shape[0])
            throw new ShapeException($"Attention: the layout reaches query {layout.QueryEnd} and key {layout.KeyEnd}, but q is {q} and k {k}");
        var factor = scale ?? 1f / MathF.Sqrt(q.Shape[2]);
        var y = Tensor.Empty([q.Shape[0], q.Shape[1], v.Shape[2]], q.DType, q.Engine);
        var logSumExp = Tensor.Empty([q.Shape[1], q.Shape[0]], DType.Float32, q.Engine);
        if (!rounded || !q.Engine.RoundedAttention(q, k, v, layout, factor, y, logSumExp)) q.Engine.Attention(q, k, v, layout, factor, y, logSumExp);
        if (Tape.Wants(q, k, v)) return Tape.Add(new AttentionNode(q, k, v, layout, factor, logSumExp), y);
        logSumExp.Dispose();
        return y;
    }

    private sealed class AttentionNode(Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor logSumExp) : TapeNode
    {
        internal override void Backward()
        {
            var dq = Tensor.Empty(q.Shape, q.DType, q.Engine);
            var dk = Tensor.Empty(k.Shape, k.DType, k.Engine);
            var dv = Tensor.Empty(v.Shape, v.DType, v.Engine);
            q.Engine.AttentionBackward(q, k, v, layout, scale, Output, logSumExp, OutputGrad, dq, dk, dv);
            Tape.Accumulate(q, dq);
            Tape.Accumulate(k, dk);
            Tape.Accumulate(v, dv);
        }
    }
}
