using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>
/// One query head and one set of query ranges that share keys a piece, its query blocks in order: p = 2^(score - logSumExp), dv += pᵀ do,
/// ds = p (do · v - Σ do · out), dq += ds k, dk += dsᵀ q (Dao et al. 2022, algorithm 4). dk and dv of every query head are kept apart in
/// float32 and added by <see cref="SumHeadGroups"/>, so that the order of all sums is fixed.
/// </summary>
internal readonly unsafe struct AttentionBackward(
    HeadMatrix q, HeadMatrix k, HeadMatrix v, HeadMatrix output, HeadMatrix gradient, HeadMatrix dq, float* logSumExp, AttentionLayout layout, float scale,
    AttentionBackward.Shared shared) : IPieces
{
    private const int Queries = AttentionForward.Queries;
    private const float Log2E = 1.44269504f;

    public int Pieces => q.Heads * layout.KeySharing.Length;

    public void Run(int piece)
    {
        var head = piece % q.Heads;
        var sharing = layout.KeySharing[piece / q.Heads];
        var widthK = BlockProduct.RoundUp(k.Width, 16);
        var widthV = BlockProduct.RoundUp(v.Width, 16);
        var dk = shared.Dk + ((long)head * k.Rows * widthK);
        var dv = shared.Dv + ((long)head * k.Rows * widthV);
        foreach (var group in sharing)
        {
            foreach (var span in layout.SpansOf(layout.Groups[group]))
            {
                NativeClear(dk + ((long)span.KeyStart * widthK), (long)span.KeyLength * widthK);
                NativeClear(dv + ((long)span.KeyStart * widthV), (long)span.KeyLength * widthV);
            }
        }

        // a partial panel of keys reads lines beyond the last one
        var keys = (AttentionForward.KeyPanels + 1) * GemmTile.MaxRows;
        var rowsQ = BlockProduct.RoundUp(q.Width, GemmTile.MaxRows);
        long floats = (2L * (q.Width + v.Width)) + widthK + widthV + (2L * keys) + rowsQ + 4;
        var memory = NativePool.Shared.Rent(floats * Queries * sizeof(float));
        var next = (float*)memory.Pointer;
        var work = new Work { Dk = dk, Dv = dv, WidthK = widthK, WidthV = widthV };
        work.QueryRows = Take(ref next, widthK);
        work.GradientRows = Take(ref next, widthV);
        work.GradientColumns = Take(ref next, v.Width);
        work.Slope = Take(ref next, keys);
        work.LogSumExp = Take(ref next, 1);
        work.Delta = Take(ref next, 1);
        var block = new AttentionForward.Block { Head = head, KeyHead = head / (q.Heads / k.Heads) };
        block.Q = Take(ref next, q.Width);
        block.Scores = Take(ref next, keys);
        block.Out = Take(ref next, rowsQ);
        foreach (var group in sharing) RunGroup(ref block, work, layout.Groups[group]);
        memory.Release();
    }

    private void RunGroup(ref AttentionForward.Block block, in Work work, AttentionLayout.Group group)
    {
        for (var start = 0; start < group.Length; start += Queries)
        {
            block.Start = group.Start + start;
            block.Count = Math.Min(Queries, group.Length - start);
            RunBlock(ref block, work, group);
        }
    }

    private static float* Take(ref float* next, int rows)
    {
        var taken = next;
        next += (long)rows * Queries;
        return taken;
    }

    private void RunBlock(ref AttentionForward.Block block, in Work work, AttentionLayout.Group group)
    {
        block.Lanes = BlockProduct.RoundUp(block.Count, 16);
        var (head, start, count, lanes) = (block.Head, block.Start, block.Count, block.Lanes);
        BlockProduct.PackRight(q.ByRow(head), block.Q, start, count, lanes, 0, q.Width);
        ScaleAll.Run(block.Q, q.Width * lanes, scale * Log2E);
        BlockProduct.PackRight(gradient.ByRow(head), work.GradientColumns, start, count, lanes, 0, v.Width);
        BlockProduct.PackRight(q.ByColumn(head), work.QueryRows, 0, q.Width, work.WidthK, start, count);
        BlockProduct.PackRight(gradient.ByColumn(head), work.GradientRows, 0, v.Width, work.WidthV, start, count);
        for (var i = 0; i < lanes; i++)
        {
            work.LogSumExp[i] = i < count ? logSumExp[((long)head * q.Rows) + start + i] : float.PositiveInfinity;
            work.Delta[i] = i < count ? DotRows(start + i, head) : 0;
        }

        new Span<float>(block.Out, BlockProduct.RoundUp(q.Width, GemmTile.MaxRows) * lanes).Clear();
        foreach (var span in layout.SpansOf(group)) RunSpan(block, work, group, span);
        ScaleAll.Run(block.Out, q.Width * lanes, scale);
        AttentionForward.StoreTransposed(block.Out, lanes, count, dq, start, head);
    }

    private void RunSpan(in AttentionForward.Block block, in Work work, AttentionLayout.Group group, AttentionSpan span)
    {
        var offset = block.Start - group.Start;
        var end = AttentionForward.SpanEnd(span, offset, block.Count);
        var steps = AttentionForward.KeyPanels * GemmTile.MaxRows;
        for (var key = span.KeyStart; key < end;)
        {
            var firstPanel = key / GemmTile.MaxRows;
            var next = Math.Min((firstPanel * GemmTile.MaxRows) + steps, end);
            var skip = (key - (firstPanel * GemmTile.MaxRows)) * block.Lanes;
            AttentionForward.Scores(block, shared.KeyRows, k.Rows, firstPanel, next, block.Q, q.Width, block.Scores);
            AttentionForward.Scores(block, shared.ValueRows, v.Rows, firstPanel, next, work.GradientColumns, v.Width, work.Slope);
            var scores = block.Scores + skip;
            var slope = work.Slope + skip;
            var chain = new ScoreGradient(slope, scores, next - key, block.Lanes, work.LogSumExp, work.Delta);
            Reductions.Dispatch(ref chain);
            if (span.Causal)
            {
                AttentionForward.HideFuture(span, offset, key, next, scores, block.Lanes, 0);
                AttentionForward.HideFuture(span, offset, key, next, slope, block.Lanes, 0);
            }

            AddProducts(block, work, key, next - key, scores, slope);
            key = next;
        }
    }

    private void AddProducts(in AttentionForward.Block block, in Work work, int key, int keys, float* p, float* slope)
    {
        var lanes = block.Lanes;
        BlockProduct.AddExact(keys, work.WidthV, block.Count, new TileLines(p, lanes, 1), work.GradientRows, work.Dv + ((long)key * work.WidthV), work.WidthV);
        BlockProduct.AddExact(keys, work.WidthK, block.Count, new TileLines(slope, lanes, 1), work.QueryRows, work.Dk + ((long)key * work.WidthK), work.WidthK);
        var columns = shared.KeyColumns + ((long)block.KeyHead * BlockProduct.RoundUp(k.Width, GemmTile.MaxRows) * k.Rows);
        BlockProduct.RowMajor(k.Width, lanes, keys, columns, k.Rows, key, slope, lanes, block.Out, lanes, add: true);
    }

    /// <summary>Σ gradient · output of one query: the part of the softmax gradient that all its keys share.</summary>
    [SkipLocalsInit]
    private float DotRows(int row, int head)
    {
        if (gradient.Type == DType.Float32 && output.Type == DType.Float32) return Reductions.Dot((float*)gradient.At(row, head), (float*)output.At(row, head), v.Width);
        var a = stackalloc float[64];
        var b = stackalloc float[64];
        var size = output.Type.Size();
        float sum = 0;
        for (var first = 0; first < v.Width; first += 64)
        {
            var count = Math.Min(64, v.Width - first);
            CpuEngine.Widen(gradient.At(row, head) + (first * gradient.Type.Size()), gradient.Type, a, count);
            CpuEngine.Widen(output.At(row, head) + (first * size), output.Type, b, count);
            sum += Reductions.Dot(a, b, count);
        }

        return sum;
    }

    private static void NativeClear(float* target, long count) =>
        System.Runtime.InteropServices.NativeMemory.Clear(target, (nuint)(count * sizeof(float)));

    /// <summary>Packed operands and float32 results of all heads.</summary>
    internal struct Shared
    {
        public float* KeyRows;
        public float* KeyColumns;
        public float* ValueRows;
        public float* Dk;
        public float* Dv;
    }

    private struct Work
    {
        public float* Dk;
        public float* Dv;
        public int WidthK;
        public int WidthV;
        public float* QueryRows;
        public float* GradientRows;
        public float* GradientColumns;
        public float* Slope;
        public float* LogSumExp;
        public float* Delta;
    }
}
