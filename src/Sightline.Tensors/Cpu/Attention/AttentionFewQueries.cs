using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>
/// <see cref="AttentionForward"/> for query ranges of a few queries, as in generation, where reading keys and values is the work: they are read
/// once, where they lie, for all query heads that share them. One key head and one query range a piece. Lanes are (query head, query), and every lane goes
/// through the same sums in the same order as there: the same bits.
/// </summary>
internal readonly unsafe struct AttentionFewQueries(
    HeadMatrix q, HeadMatrix k, HeadMatrix v, HeadMatrix output, float* logSumExp, AttentionLayout layout, float scale, int[] groups) : IPieces
{
    private const int MaxQueries = 16;
    private const int MaxLanes = 64;
    private const int FloatsInLine = 16;
    private const float Log2E = 1.44269504f;

    private int HeadsTogether => q.Heads / k.Heads;

    public int Pieces => k.Heads * groups.Length;

    /// <summary>Whether a range of so many queries is few.</summary>
    public static bool Suits(int queries, int headsTogether) => queries <= MaxQueries && queries * headsTogether <= MaxLanes;

    public void Run(int piece)
    {
        var group = layout.Groups[groups[piece / k.Heads]];
        var lanes = BlockProduct.RoundUp(group.Length * HeadsTogether, 16);
        var keys = BlockProduct.RoundUp(AttentionLayout.BlockKeys, GemmTile.MaxRows);
        var rowsOut = BlockProduct.RoundUp(v.Width, GemmTile.MaxRows);
        var copied = (keys + 1L) * Math.Max(k.Width, v.Width);
        var memory = NativePool.Shared.Rent(((((long)q.Width + keys + rowsOut + 3) * lanes) + copied) * sizeof(float));
        var block = new Block { KeyHead = piece % k.Heads, Group = group, Lanes = lanes, Used = group.Length * HeadsTogether, Q = (float*)memory.Pointer };
        block.Scores = block.Q + ((long)q.Width * lanes);
        block.Out = block.Scores + ((long)keys * lanes);
        block.Maximum = block.Out + ((long)rowsOut * lanes);
        block.Sum = block.Maximum + lanes;
        block.Rescale = block.Sum + lanes;
        block.Copy = block.Rescale + lanes;
        // lanes that are not used are computed, too, and must not slow the others by what happens to be there
        new Span<float>(block.Q, (q.Width + keys + rowsOut) * lanes).Clear();
        new Span<float>(block.Maximum, lanes).Fill(float.NegativeInfinity);
        new Span<float>(block.Sum, lanes).Clear();
        PackQueries(block);
        foreach (var span in layout.SpansOf(group)) RunSpan(block, span);
        Finish(block);
        memory.Release();
    }

    /// <summary>Panels of [width, lanes], scaled, as <see cref="BlockProduct.PackRight"/> makes them.</summary>
    private void PackQueries(in Block block)
    {
        for (var lane = 0; lane < block.Used; lane++)
        {
            var (head, query) = Math.DivRem(lane, block.Group.Length);
            CpuEngine.Widen(q.At(block.Group.Start + query, (block.KeyHead * HeadsTogether) + head), q.Type, block.Copy, q.Width);
            var first = lane / GemmTile.MaxColumns * GemmTile.MaxColumns;
            var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, block.Lanes - first));
            var target = block.Q + ((long)first * q.Width) + (lane - first);
            for (var d = 0; d < q.Width; d++) target[(long)d * width] = block.Copy[d] * (scale * Log2E);
        }
    }

    private void RunSpan(in Block block, AttentionSpan span)
    {
        var end = AttentionForward.SpanEnd(span, 0, block.Group.Length);
        for (var key = span.KeyStart; key < end;)
        {
            var next = Math.Min(key + AttentionLayout.BlockKeys, end);
            Scores(block, key, next - key);
            if (span.Causal)
            {
                for (var head = 0; head < HeadsTogether; head++) HideFuture(block, span, key, next, head * block.Group.Length);
            }

            var softmax = new OnlineSoftmax(block.Scores, next - key, block.Lanes, block.Maximum, block.Sum, block.Rescale);
            Reductions.Dispatch(ref softmax);
            var rescale = new ScaleColumns(block.Out, v.Width, block.Lanes, block.Rescale);
            Reductions.Dispatch(ref rescale);
            AddValues(block, key, next - key);
            key = next;
        }
    }

    /// <summary>As <see cref="AttentionForward.HideFuture"/> for the lanes of one head.</summary>
    private static void HideFuture(in Block block, AttentionSpan span, int key, int end, int firstLane)
    {
        for (var row = 0; row < end - key; row++)
        {
            var firstVisible = key + row - span.KeyStart - (span.KeyLength - span.QueryLength);
            if (firstVisible > 0) new Span<float>(block.Scores + (row * block.Lanes) + firstLane, Math.Min(firstVisible, block.Group.Length)).Fill(float.NegativeInfinity);
        }
    }

    private void Scores(in Block block, int key, int keys)
    {
        var rows = Rows(k, block, key, keys, out var stride);
        for (var line = 0; line < keys; line += GemmTile.MaxRows)
        {
            var count = Math.Min(GemmTile.MaxRows, keys - line);
            Fetch(v, block.KeyHead, key + line, count);
            Fetch(k, block.KeyHead, key + line + GemmTile.MaxRows, GemmTile.MaxRows);
            var left = new TileLines(rows + (line * stride), stride, 1);
            for (var column = 0; column < block.Lanes; column += GemmTile.MaxColumns)
            {
                var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, block.Lanes - column));
                Tile(block, GemmTile.HeightFor(count), width, q.Width, left, block.Q + ((long)column * q.Width), width, block.Scores + ((long)line * block.Lanes) + column, add: false);
            }
        }
    }

    private void AddValues(in Block block, int key, int keys)
    {
        var rows = Rows(v, block, key, keys, out var stride);
        for (var line = 0; line < v.Width; line += GemmTile.MaxRows)
        {
            var height = GemmTile.HeightFor(Math.Min(GemmTile.MaxRows, v.Width - line));
            for (var column = 0; column < block.Lanes; column += GemmTile.MaxColumns)
            {
                var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, block.Lanes - column));
                Tile(block, height, width, keys, new TileLines(rows + line, 1, stride), block.Scores + column, block.Lanes, block.Out + ((long)line * block.Lanes) + column, add: true);
            }
        }
    }

    /// <summary>Up to eight lanes take half a register of AVX-512, of which the processor multiplies two at a time.</summary>
    private static void Tile(in Block block, int height, int width, int K, in TileLines left, float* b, nint ldb, float* c, bool add)
    {
        if (Vector512.IsHardwareAccelerated && block.Used <= 8 && height == 14) MicroKernel.Rows14<One256>(K, left, b, ldb, c, block.Lanes, null, add);
        else GemmTile.Run(height, width, K, left, b, ldb, c, block.Lanes, null, add);
    }

    /// <summary>Rows of a head as float32: in place, or, where they are narrower or a tile would read past the end of the tensor, copied.</summary>
    private static float* Rows(in HeadMatrix source, in Block block, int first, int count, out nint stride)
    {
        if (source.Type == DType.Float32 && first + count + GemmTile.MaxRows <= source.Rows)
        {
            stride = (nint)source.Heads * source.Width;
            return (float*)source.At(first, block.KeyHead);
        }

        stride = source.Width;
        for (var i = 0; i < count; i++) CpuEngine.Widen(source.At(first + i, block.KeyHead), source.Type, block.Copy + (i * stride), source.Width);
        return block.Copy;
    }

    /// <summary>Asks for rows ahead of their use: a head's rows are too short for the processor to see where they go on.</summary>
    private static void Fetch(in HeadMatrix source, int head, int first, int count)
    {
        if (!Sse.IsSupported) return;
        var bytes = source.Width * source.Type.Size();
        var end = Math.Min(first + count, source.Rows);
        for (var row = first; row < end; row++)
        {
            var at = source.At(row, head);
            for (var offset = 0; offset < bytes; offset += FloatsInLine * sizeof(float)) Sse.Prefetch1(at + offset);
        }
    }

    [SkipLocalsInit]
    private void Finish(in Block block)
    {
        var row = block.Copy;
        for (var lane = 0; lane < block.Used; lane++)
        {
            var (head, query) = Math.DivRem(lane, block.Group.Length);
            head += block.KeyHead * HeadsTogether;
            var (sum, maximum) = (block.Sum[lane], block.Maximum[lane]);
            logSumExp[((long)head * q.Rows) + block.Group.Start + query] = sum == 0 ? float.PositiveInfinity : maximum + MathF.Log2(sum);
            var factor = sum == 0 ? 0 : 1 / sum;
            for (var d = 0; d < v.Width; d++) row[d] = block.Out[((long)d * block.Lanes) + lane] * factor;
            CpuEngine.Narrow(row, output.At(block.Group.Start + query, head), output.Type, v.Width);
        }
    }

    /// <summary>What a piece works on.</summary>
    private struct Block
    {
        public int KeyHead;
        public AttentionLayout.Group Group;
        public int Lanes;
        public int Used;
        public float* Q;
        public float* Scores;
        public float* Out;
        public float* Maximum;
        public float* Sum;
        public float* Rescale;
        public float* Copy;
    }
}
