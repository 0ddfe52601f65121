using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.LibTorch;

/// <content>
/// Attention over spans: one group of queries with one set of keys at a time; the batch is the key heads, the heads are the query heads that share one.
/// On the processor groups that the library's flash kernel can take go there. For all others the scores of one group (heads x queries x keys) are
/// held in memory, in float32.
/// </content>
public sealed unsafe partial class LibTorchEngine
{
    private static readonly double s_log2E = Math.Log2(Math.E);

    /// <inheritdoc/>
    public override void Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp)
    {
        if (logSumExp.Count == 0) return;
        var sizes = new HeadSizes(q, k, v);
        Clear(output);
        Fill(logSumExp, float.PositiveInfinity);
        foreach (var group in SpanGroup.Of(layout))
        {
            using var work = Work.On(this);
            if (IsFlash(group, sizes, q, k, v))
            {
                Flash(work, q, k, v, group, sizes, scale, output, logSumExp);
                continue;
            }

            var (Q, K, V) = (Queries(work, q, group, sizes, sizes.D), Keys(work, k, group, sizes, sizes.D), Keys(work, v, group, sizes, sizes.E));
            var scores = Scores(work, Q, K, group, sizes, scale);
            var lse = work.Call("aten::logsumexp"u8, ""u8, scores, work.List(2), true); // [Hkv, R n, 1]
            lse = lse.Equal(double.NegativeInfinity).Choose(double.PositiveInfinity, lse);
            var result = (scores - lse).Exp().Times(V); // [Hkv, R n, E]
            work.CopyInto(AtQueries(work, output, group, sizes, sizes.E), result.View([group.Length, sizes.Hkv, sizes.R, sizes.E], [sizes.E, sizes.R * group.Length * sizes.E, group.Length * sizes.E, 1]));
            work.CopyInto(work.Of(logSumExp, [sizes.H, group.Length], [sizes.T, 1], group.Start), (lse * s_log2E).View(sizes.H, group.Length));
        }
    }

    /// <inheritdoc/>
    public override void AttentionBackward(
        Tensor q, Tensor k, Tensor v, AttentionLayout layout, float scale, Tensor output, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv)
    {
        var sizes = new HeadSizes(q, k, v);
        using var all = Work.On(this);
        var (forK, forV) = (all.Zeros(DType.Float32, Sizes(dk)), all.Zeros(DType.Float32, Sizes(dv)));
        Clear(dq);
        foreach (var group in logSumExp.Count == 0 ? [] : SpanGroup.Of(layout))
        {
            using var work = Work.On(this);
            if (IsFlash(group, sizes, q, k, v))
            {
                FlashBackward(work, new AttentionOperands(q, k, v, output, logSumExp, gradient), group, sizes, scale, dq, forK, forV);
                continue;
            }

            var (n, rows) = (group.Length, sizes.R * group.Length);
            var (Q, K, V) = (Queries(work, q, group, sizes, sizes.D), Keys(work, k, group, sizes, sizes.D), Keys(work, v, group, sizes, sizes.E));
            var (Y, G) = (Queries(work, output, group, sizes, sizes.E), Queries(work, gradient, group, sizes, sizes.E));
            var lse = work.Of(logSumExp, [sizes.H, n], [sizes.T, 1], group.Start).Dense(sizes.Hkv, rows, 1) / s_log2E;
            var p = (Scores(work, Q, K, group, sizes, scale) - lse).Exp(); // [Hkv, R n, L]
            var slope = p * (G.Times(Flip(V, sizes.Hkv, group.Keys, sizes.E)) - (G * Y).Sum(2, keep: true)) * (double)scale;
            AddToKeys(work, forV, Flip(p, sizes.Hkv, rows, group.Keys).Times(G), group, sizes, sizes.E);
            AddToKeys(work, forK, Flip(slope, sizes.Hkv, rows, group.Keys).Times(Q), group, sizes, sizes.D);
            work.CopyInto(AtQueries(work, dq, group, sizes, sizes.D), slope.Times(K).View([n, sizes.Hkv, sizes.R, sizes.D], [sizes.D, rows * sizes.D, n * sizes.D, 1]));
        }

        all.Write(dk, forK);
        all.Write(dv, forV);
    }

    /// <summary>T queries, S keys, H heads in Hkv groups of R, D and E channels of keys and values.</summary>
    private readonly struct HeadSizes(Tensor q, Tensor k, Tensor v)
    {
        public long T { get; } = q.Shape[0];

        public long H { get; } = q.Shape[1];

        public long Hkv { get; } = k.Shape[1];

        public long R => H / Hkv;

        public long D { get; } = q.Shape[2];

        public long E { get; } = v.Shape[2];
    }

    /// <summary>A query range and the spans of keys that it sees.</summary>
    private sealed record SpanGroup(long Start, long Length, AttentionSpan[] Spans)
    {
        public long Keys => Spans.Sum(span => (long)span.KeyLength);

        public bool IsCausal => Array.Exists(Spans, span => span.Causal);

        public static IEnumerable<SpanGroup> Of(AttentionLayout layout) =>
            from span in layout.Spans
            where span.QueryLength > 0 && span.KeyLength > 0
            group span by (span.QueryStart, span.QueryLength) into spans
            select new SpanGroup(spans.Key.QueryStart, spans.Key.QueryLength, [.. spans]);
    }

    /// <summary>The rows of a group as [Hkv, R n, channels], float32.</summary>
    private static Value Queries(Work work, Tensor x, SpanGroup group, in HeadSizes sizes, long channels)
    {
        var rows = work.Of(x, [sizes.Hkv, sizes.R, group.Length, channels], [sizes.R * channels, channels, sizes.H * channels, 1], group.Start * sizes.H * channels);
        var dense = work.Empty(DType.Float32, sizes.Hkv, sizes.R, group.Length, channels);
        work.CopyInto(dense, rows);
        return dense.View(sizes.Hkv, sizes.R * group.Length, channels);
    }

    /// <summary>Where a group's rows lie in a tensor, as [n, Hkv, R, channels].</summary>
    private static Value AtQueries(Work work, Tensor x, SpanGroup group, in HeadSizes sizes, long channels) =>
        work.Of(x, [group.Length, sizes.Hkv, sizes.R, channels], [sizes.H * channels, sizes.R * channels, channels, 1], group.Start * sizes.H * channels);

    /// <summary>The keys of a group one after another, [Hkv, L, channels], float32.</summary>
    private static Value Keys(Work work, Tensor x, SpanGroup group, in HeadSizes sizes, long channels)
    {
        var all = work.Empty(DType.Float32, sizes.Hkv, group.Keys, channels);
        long start = 0;
        foreach (var span in group.Spans)
        {
            work.CopyInto(
                all.View([sizes.Hkv, span.KeyLength, channels], [group.Keys * channels, channels, 1], start * channels),
                work.Of(x, [sizes.Hkv, span.KeyLength, channels], [channels, sizes.Hkv * channels, 1], span.KeyStart * sizes.Hkv * channels));
            start += span.KeyLength;
        }

        return all;
    }

    /// <summary>Adds [Hkv, L, channels] to the keys of a group in [S, Hkv, channels].</summary>
    private static void AddToKeys(Work work, Value target, Value gradient, SpanGroup group, in HeadSizes sizes, long channels)
    {
        long start = 0;
        foreach (var span in group.Spans)
        {
            var at = work.View(target, [sizes.Hkv, span.KeyLength, channels], [channels, sizes.Hkv * channels, 1], span.KeyStart * sizes.Hkv * channels);
            work.CopyInto(at, at + gradient.View([sizes.Hkv, span.KeyLength, channels], [group.Keys * channels, channels, 1], start * channels));
            start += span.KeyLength;
        }
    }

    /// <summary>scale · Q Kᵀ, -inf where a query does not see a key: [Hkv, R n, L].</summary>
    private static Value Scores(Work work, Value Q, Value K, SpanGroup group, in HeadSizes sizes, float scale)
    {
        var scores = Q.Times(Flip(K, sizes.Hkv, group.Keys, sizes.D)) * (double)scale;
        return group.IsCausal
            ? SeenBy(work, group).Choose(scores.View(sizes.Hkv, sizes.R, group.Length, group.Keys), double.NegativeInfinity).View(sizes.Hkv, sizes.R * group.Length, group.Keys)
            : scores;
    }

    /// <summary>Which query of a group sees which key, [n, L].</summary>
    private static Value SeenBy(Work work, SpanGroup group)
    {
        // a key is seen by the queries from a certain one on
        var firstSeenBy = new int[group.Keys];
        var at = 0;
        foreach (var span in group.Spans)
        {
            for (var i = 0; i < span.KeyLength; i++) firstSeenBy[at++] = span.Causal ? i - (span.KeyLength - span.QueryLength) : 0;
        }

        var queries = new int[group.Length];
        for (var i = 0; i < queries.Length; i++) queries[i] = i;
        return work.From<int>(firstSeenBy, DType.Int32, 1, group.Keys).AtMost(work.From<int>(queries, DType.Int32, group.Length, 1));
    }

    /// <summary>Exchanges the last two axes of a dense [B, rows, columns], without a copy.</summary>
    private static Value Flip(Value x, long B, long rows, long columns) => x.View([B, columns, rows], [rows * columns, 1, columns]);
}
