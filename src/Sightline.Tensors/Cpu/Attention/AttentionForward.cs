using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>
/// A block of queries of one head a piece. Scores are held transposed, [keys, queries], so that softmax runs down the
/// columns and both products use the register tiles: scoresᵀ = K · Qᵀ, outᵀ += Vᵀ · pᵀ. Ranges of few queries are left to <see cref="AttentionFewQueries"/>.
/// </summary>
internal readonly unsafe struct AttentionForward(
    HeadMatrix q, HeadMatrix k, HeadMatrix v, HeadMatrix output, float* logSumExp, AttentionLayout layout, float scale, float* packedK, float* packedV) : IPieces
{
    /// <summary>Queries of a block.</summary>
    public const int Queries = 64;

    /// <summary>Panels of keys that share a score block.</summary>
    public const int KeyPanels = 10;

    private const float Log2E = 1.44269504f;

    public int Pieces => q.Heads * layout.CountBlocks(Queries);

    public void Run(int piece)
    {
        var head = piece % q.Heads;
        var (group, start, count) = layout.Block(piece / q.Heads, Queries);
        if (AttentionFewQueries.Suits(group.Length, q.Heads / k.Heads)) return;
        var lanes = BlockProduct.RoundUp(count, 16);
        var keys = BlockProduct.RoundUp(AttentionLayout.BlockKeys + GemmTile.MaxRows - 1, GemmTile.MaxRows); // a block may begin inside a panel
        var outRows = BlockProduct.RoundUp(v.Width, GemmTile.MaxRows);
        var memory = NativePool.Shared.Rent(((long)(q.Width + keys + outRows + 3) * lanes) * sizeof(float));
        var block = new Block
        {
            Head = head,
            KeyHead = head / (q.Heads / k.Heads),
            Start = start,
            Count = count,
            Lanes = lanes,
            Q = (float*)memory.Pointer,
        };
        block.Scores = block.Q + ((long)q.Width * lanes);
        block.Out = block.Scores + ((long)keys * lanes);
        block.Maximum = block.Out + ((long)outRows * lanes);
        block.Sum = block.Maximum + lanes;
        block.Rescale = block.Sum + lanes;
        Begin(block, outRows);
        foreach (var span in layout.SpansOf(group)) RunSpan(block, group, span);
        Finish(block);
        memory.Release();
    }

    private void Begin(in Block block, int outRows)
    {
        BlockProduct.PackRight(q.ByRow(block.Head), block.Q, block.Start, block.Count, block.Lanes, 0, q.Width);
        ScaleAll.Run(block.Q, q.Width * block.Lanes, scale * Log2E);
        new Span<float>(block.Out, outRows * block.Lanes).Clear();
        new Span<float>(block.Maximum, block.Lanes).Fill(float.NegativeInfinity);
        new Span<float>(block.Sum, block.Lanes).Clear();
    }

    private void RunSpan(in Block block, AttentionLayout.Group group, AttentionSpan span)
    {
        var offset = block.Start - group.Start;
        var end = SpanEnd(span, offset, block.Count);
        for (var key = span.KeyStart; key < end;)
        {
            // blocks are counted from the span's start: where a span lies among the keys does not show in the result
            var firstPanel = key / GemmTile.MaxRows;
            var next = Math.Min(key + AttentionLayout.BlockKeys, end);
            Scores(block, packedK, k.Rows, firstPanel, next, block.Q, q.Width, block.Scores);
            var scores = block.Scores + ((key - (firstPanel * GemmTile.MaxRows)) * block.Lanes);
            if (span.Causal) HideFuture(span, offset, key, next, scores, block.Lanes, float.NegativeInfinity);
            Add(block, key, next - key, scores);
            key = next;
        }
    }

    private void Add(in Block block, int key, int keys, float* scores)
    {
        var softmax = new OnlineSoftmax(scores, keys, block.Lanes, block.Maximum, block.Sum, block.Rescale);
        Reductions.Dispatch(ref softmax);
        var rescale = new ScaleColumns(block.Out, v.Width, block.Lanes, block.Rescale);
        Reductions.Dispatch(ref rescale);
        var values = packedV + ((long)block.KeyHead * BlockProduct.RoundUp(v.Width, GemmTile.MaxRows) * v.Rows);
        BlockProduct.RowMajor(v.Width, block.Lanes, keys, values, v.Rows, key, scores, block.Lanes, block.Out, block.Lanes, add: true);
    }

    private void Finish(in Block block)
    {
        for (var i = 0; i < block.Lanes; i++)
        {
            var (sum, maximum) = (block.Sum[i], block.Maximum[i]);
            block.Rescale[i] = sum == 0 ? 0 : 1 / sum;
            if (i < block.Count) logSumExp[((long)block.Head * q.Rows) + block.Start + i] = sum == 0 ? float.PositiveInfinity : maximum + MathF.Log2(sum);
        }

        var normalize = new ScaleColumns(block.Out, v.Width, block.Lanes, block.Rescale);
        Reductions.Dispatch(ref normalize);
        StoreTransposed(block.Out, block.Lanes, block.Count, output, block.Start, block.Head);
    }

    /// <summary>One more than the last key that a block of queries sees in a span.</summary>
    internal static int SpanEnd(AttentionSpan span, int offset, int count) => span.Causal
        ? span.KeyStart + Math.Clamp(span.KeyLength - span.QueryLength + offset + count, 0, span.KeyLength)
        : span.KeyStart + span.KeyLength;

    /// <summary>target[keys of the panels, lanes] = keys · right, from panels of rows of a matrix; covers the rows up to <paramref name="end"/>.</summary>
    internal static void Scores(in Block block, float* panels, int rows, int firstPanel, int end, float* right, int width, float* target)
    {
        var head = panels + ((long)block.KeyHead * BlockProduct.RoundUp(rows, GemmTile.MaxRows) * width);
        var first = firstPanel * GemmTile.MaxRows;
        var left = head + ((long)first * width);
        // rows beyond the last panel's own are padding inside its height
        var lines = Math.Min(BlockProduct.RoundUp(end, GemmTile.MaxRows), rows) - first;
        BlockProduct.Packed(lines, block.Lanes, width, left, width, 0, right, target, block.Lanes, add: false);
    }

    /// <summary>Causal spans: the queries of a block that come before a key get a value that hides it.</summary>
    internal static void HideFuture(AttentionSpan span, int offset, int key, int end, float* scores, int lanes, float hidden)
    {
        for (var row = 0; row < end - key; row++)
        {
            var firstVisible = key + row - span.KeyStart - (span.KeyLength - span.QueryLength) - offset;
            if (firstVisible > 0) new Span<float>(scores + (row * lanes), Math.Min(firstVisible, lanes)).Fill(hidden);
        }
    }

    /// <summary>Rows start .. start + count of one head of a tensor from the columns of x [width, lanes].</summary>
    internal static void StoreTransposed(float* x, int lanes, int count, HeadMatrix target, int start, int head)
    {
        var row = stackalloc float[16 * 16];
        if (target.Type == DType.Float32)
        {
            StridedLines.Transpose(x, lanes, (float*)target.At(start, head), (nint)target.Heads * target.Width, target.Width, count);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            for (var first = 0; first < target.Width; first += 256)
            {
                var columns = Math.Min(256, target.Width - first);
                for (var j = 0; j < columns; j++) row[j] = x[((first + j) * lanes) + i];
                CpuEngine.Narrow(row, target.At(start + i, head) + (first * target.Type.Size()), target.Type, columns);
            }
        }
    }

    /// <summary>What a piece works on.</summary>
    internal struct Block
    {
        public int Head;
        public int KeyHead;
        public int Start;
        public int Count;
        public int Lanes;
        public float* Q;
        public float* Scores;
        public float* Out;
        public float* Maximum;
        public float* Sum;
        public float* Rescale;
    }
}
