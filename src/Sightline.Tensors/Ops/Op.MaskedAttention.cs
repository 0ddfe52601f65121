namespace Sightline.Tensors.Ops;

public static partial class Op
{
    /// <summary>
    /// Attention with an arbitrary mask, as torch.nn.functional.scaled_dot_product_attention: softmax(scale · q kᵀ + mask) v. Holds
    /// all scores, so it is for short sequences and learned score biases; use <see cref="Attention"/> where spans say enough.
    /// Composed of other operations; an additive mask that requires a gradient gets one.
    /// </summary>
    /// <param name="q">[B, H, Lq, D].</param>
    /// <param name="k">[B, Hkv, Lk, D]; key head h / (H / Hkv) serves query head h.</param>
    /// <param name="v">[B, Hkv, Lk, Dv].</param>
    /// <param name="mask">Broadcasts to [B, H, Lq, Lk]: bool, true = attend, or float, added to the scores. Queries that see nothing give 0 with a bool mask.</param>
    /// <param name="scale">Factor on the scores; 1 / sqrt(D) when null.</param>
    /// <returns>[B, H, Lq, Dv].</returns>
    /// <exception cref="ShapeException">The sizes do not fit.</exception>
    public static Tensor MaskedAttention(Tensor q, Tensor k, Tensor v, Tensor? mask = null, float? scale = null)
    {
        if (q.Shape.Rank != 4 || k.Shape.Rank != 4 || v.Shape.Rank != 4 || q.Shape[0] != k.Shape[0] || k.Shape[1] == 0 || q.Shape[1] % k.Shape[1] != 0
            || q.Shape[3] != k.Shape[3] || v.Shape[0] != k.Shape[0] || v.Shape[1] != k.Shape[1] || v.Shape[2] != k.Shape[2])
            throw new ShapeException($"MaskedAttention: needs q [B, H, Lq, D], k [B, Hkv, Lk, D], v [B, Hkv, Lk, Dv] with H a multiple of Hkv; got q {q}, k {k}, v {v}");
        var (B, H, Lq, D) = (q.Shape[0], q.Shape[1], q.Shape[2], q.Shape[3]);
        var (Hkv, Lk) = (k.Shape[1], k.Shape[2]);
        // the queries of a group of heads are rows of one product with their shared keys
        var grouped = Reshape(Scale(q, scale ?? 1f / MathF.Sqrt(D)), B, Hkv, H / Hkv * Lq, D);
        var scores = Reshape(MatMul(grouped, k, transposeB: true), B, H, Lq, Lk);
        var p = mask is null || mask.DType == DType.Bool ? Softmax(scores, mask) : Softmax(Add(scores, mask));
        return Reshape(MatMul(Reshape(p, B, Hkv, H / Hkv * Lq, Lk), v), B, H, Lq, v.Shape[3]);
    }
}
