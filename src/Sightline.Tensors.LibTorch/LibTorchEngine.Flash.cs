using Sightline.Tensors.LibTorch.Native;

namespace Sightline.Tensors.LibTorch;

/// <content>The library's flash attention on the processor, which never holds the scores of a group.</content>
public sealed unsafe partial class LibTorchEngine
{
    private sealed record AttentionOperands(Tensor Q, Tensor K, Tensor V, Tensor Output, Tensor LogSumExp, Tensor Gradient);

    /// <summary>
    /// The kernel takes keys and values of one width and one element type, and either all keys for every query or, aligned at the end, as many as a causal
    /// mask leaves: spans that all are seen before one that is causal. float16 is left to the other way: the kernel rounds it between its two products.
    /// </summary>
    private bool IsFlash(SpanGroup group, in HeadSizes sizes, Tensor q, Tensor k, Tensor v)
    {
        if (Device.IsCuda || sizes.D != sizes.E || q.DType != DType.Float32 || k.DType != DType.Float32 || v.DType != DType.Float32) return false;
        for (var i = 0; i < group.Spans.Length - 1; i++)
        {
            if (group.Spans[i].Causal) return false;
        }

        return !group.IsCausal || group.Keys >= group.Length;
    }

    private static void Flash(Work work, Tensor q, Tensor k, Tensor v, SpanGroup group, in HeadSizes sizes, float scale, Tensor output, Tensor logSumExp)
    {
        var (result, lse) = work.Call2(
            "aten::_scaled_dot_product_flash_attention_for_cpu"u8, ""u8, Heads(work, q, group, sizes), SharedKeys(work, k, group, sizes), SharedKeys(work, v, group, sizes),
            0.0, IsSquare(group), work.Some(Mask(work, group)), work.Some((double)scale)); // [Hkv, R, n, E], [Hkv, R, n]
        work.CopyInto(Heads(work, output, group, sizes), result);
        work.CopyInto(work.Of(logSumExp, [sizes.Hkv, sizes.R, group.Length], [sizes.R * sizes.T, sizes.T, 1], group.Start), lse * s_log2E);
    }

    private static void FlashBackward(Work work, AttentionOperands x, SpanGroup group, in HeadSizes sizes, float scale, Tensor dq, Value forK, Value forV)
    {
        var (n, L) = (group.Length, group.Keys);
        var lse = work.Of(x.LogSumExp, [sizes.Hkv, sizes.R, n], [sizes.R * sizes.T, sizes.T, 1], group.Start).Dense(sizes.Hkv, sizes.R, n) / s_log2E;
        var (gq, gk, gv) = work.Call3(
            "aten::_scaled_dot_product_flash_attention_for_cpu_backward"u8, ""u8, Heads(work, x.Gradient, group, sizes), Heads(work, x.Q, group, sizes), SharedKeys(work, x.K, group, sizes),
            SharedKeys(work, x.V, group, sizes), Heads(work, x.Output, group, sizes), lse, 0.0, IsSquare(group), work.Some(Mask(work, group)), work.Some((double)scale));
        work.CopyInto(Heads(work, dq, group, sizes), gq);
        AddToKeys(work, forK, gk.Sum(1).Dense(sizes.Hkv, L, sizes.D), group, sizes, sizes.D);
        AddToKeys(work, forV, gv.Sum(1).Dense(sizes.Hkv, L, sizes.D), group, sizes, sizes.D);
    }

    /// <summary>Causal with as many keys as queries, which the kernel knows by itself.</summary>
    private static bool IsSquare(SpanGroup group) => group.IsCausal && group.Keys == group.Length;

    /// <summary>What is added to the scores of a causal group with more keys than queries: [n, L] of 0 and -inf.</summary>
    private static Value? Mask(Work work, SpanGroup group) => !group.IsCausal || IsSquare(group) ? null : SeenBy(work, group).Choose(work.Constant(0.0), double.NegativeInfinity).As(DType.Float32);

    /// <summary>The rows of a group where they lie, [Hkv, R, n, D].</summary>
    private static Value Heads(Work work, Tensor x, SpanGroup group, in HeadSizes sizes) =>
        work.Of(x, [sizes.Hkv, sizes.R, group.Length, sizes.D], [sizes.R * sizes.D, sizes.D, sizes.H * sizes.D, 1], group.Start * sizes.H * sizes.D);

    /// <summary>The keys of a group for every query head of a key head, without repeating them: [Hkv, R, L, D].</summary>
    private static Value SharedKeys(Work work, Tensor x, SpanGroup group, in HeadSizes sizes)
    {
        if (group.Spans is [var only])
            return work.Of(x, [sizes.Hkv, sizes.R, only.KeyLength, sizes.D], [sizes.D, 0, sizes.Hkv * sizes.D, 1], only.KeyStart * sizes.Hkv * sizes.D);
        return Keys(work, x, group, sizes, sizes.D).View([sizes.Hkv, sizes.R, group.Keys, sizes.D], [group.Keys * sizes.D, 0, sizes.D, 1]);
    }
}
