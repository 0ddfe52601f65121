using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>
/// Attention with the operands of both products rounded to bfloat16, sums and softmax in float32, for query ranges that each see one range of keys, all of it (the patches
/// of a picture, or of a window). Otherwise as <see cref="AttentionForward"/>: 64 queries of a head a piece, scores transposed.
/// <para>D channels of a head; a pair of channels is (c, c + D / 2), a pair of keys (2 i, 2 i + 1).</para>
/// </summary>
internal readonly unsafe struct RoundedAttention(
    HeadMatrix q, HeadMatrix output, float* logSumExp, AttentionLayout layout, float scale, RoundedHeads heads, PairProductCode code) : IPieces
{
    /// <summary>Queries of a block: two panels.</summary>
    public const int Queries = 2 * PanelQueries;

    private const int PanelQueries = 32;

    /// <summary>Keys whose scores are held at a time: 32 KB.</summary>
    private const int Keys = 128;

    private const float Log2E = 1.44269504f;

    public int Pieces => q.Heads * layout.CountBlocks(Queries);

    public void Run(int piece)
    {
        var (index, head) = Math.DivRem(piece, q.Heads);
        var (group, start, count) = layout.Block(index, Queries);
        var half = q.Width / 2;
        var outRows = BlockProduct.RoundUp(q.Width, RoundedHeads.Panel);
        var memory = NativePool.Shared.Rent((long)(half + Keys + (Keys / 2) + outRows + 4) * Queries * sizeof(float));
        var block = new Block { Head = head, Start = start, Count = count, Q = (uint*)memory.Pointer };
        block.Scores = (float*)(block.Q + ((long)half * Queries));
        block.Probabilities = (uint*)(block.Scores + (Keys * Queries));
        block.Out = (float*)(block.Probabilities + (Keys / 2 * Queries));
        block.Maximum = block.Out + ((long)outRows * Queries);
        block.Sum = block.Maximum + Queries;
        block.Rescale = block.Sum + Queries;
        block.Zeros = block.Rescale + Queries;
        PackQueries(block, half);
        new Span<float>(block.Out, outRows * Queries).Clear();
        new Span<float>(block.Maximum, Queries).Fill(float.NegativeInfinity);
        new Span<float>(block.Sum, Queries).Clear();
        new Span<float>(block.Zeros, Queries).Clear();
        foreach (var span in layout.SpansOf(group))
        {
            for (var key = 0; key < span.KeyLength; key += Keys) Add(block, span.KeyStart, key, Math.Min(Keys, span.KeyLength - key), outRows);
        }

        Finish(block);
        memory.Release();
    }

    /// <summary>Two panels of [D / 2][32] pairs, scaled; lanes that are not used are zero.</summary>
    [SkipLocalsInit]
    private void PackQueries(in Block block, int half)
    {
        var row = stackalloc float[q.Width];
        var pairs = stackalloc uint[half];
        new Span<uint>(block.Q, half * Queries).Clear();
        for (var i = 0; i < block.Count; i++)
        {
            CpuEngine.Widen(q.At(block.Start + i, block.Head), q.Type, row, q.Width);
            Elementwise.Map(row, row, q.Width, new ScaleKernel(scale * Log2E));
            PairLines.Join((uint*)row, (uint*)(row + half), half, pairs);
            var panel = block.Q + (i / PanelQueries * half * PanelQueries) + (i % PanelQueries);
            for (var c = 0; c < half; c++) panel[c * PanelQueries] = pairs[c];
        }
    }

    private void Add(in Block block, int span, int key, int keys, int outRows)
    {
        var keyHead = block.Head / (q.Heads / heads.Count);
        var half = q.Width / 2;
        Multiply(heads.KeysAt(keyHead, span, key), (long)half * RoundedHeads.Panel, BlockProduct.RoundUp(keys, RoundedHeads.Panel), block.Q, half, half, block.Zeros, block.Scores);
        var softmax = new OnlineSoftmax(block.Scores, keys, Queries, block.Maximum, block.Sum, block.Rescale);
        Reductions.Dispatch(ref softmax);
        PairUp(block, keys);
        var rescale = new ScaleColumns(block.Out, outRows, Queries, block.Rescale);
        Reductions.Dispatch(ref rescale);
        var values = heads.ValuesAt(keyHead, span, key, out var stride);
        Multiply(values, stride, outRows, block.Probabilities, Keys / 2, (keys + 1) / 2, null, block.Out);
    }

    /// <summary>target[rows, 64] = start + left · right, or target + left · right without a start: panels of 8 rows times two panels of 32 columns.</summary>
    /// <param name="left">The first panel, [steps][8] pairs.</param>
    /// <param name="leftStride">Pairs from one panel to the next.</param>
    /// <param name="rows">A multiple of 8.</param>
    /// <param name="right">[panel][rightSteps][32] pairs.</param>
    /// <param name="rightSteps">Steps of a panel.</param>
    /// <param name="steps">Steps to sum over.</param>
    /// <param name="start">32 floats, or null.</param>
    /// <param name="target">[rows][64].</param>
    private void Multiply(uint* left, long leftStride, int rows, uint* right, int rightSteps, int steps, float* start, float* target)
    {
        PairProductCode.Arguments arguments = default;
        arguments.Steps = steps;
        arguments.Stride = Queries * sizeof(float);
        arguments.StartStride = start == null ? arguments.Stride : 0;
        for (var column = 0; column < Queries; column += PanelQueries)
        {
            arguments.B = (float*)(right + ((long)column * rightSteps));
            arguments.A = (float*)left;
            arguments.C = target + column;
            for (var row = 0; row < rows; row += RoundedHeads.Panel)
            {
                arguments.Start = start == null ? arguments.C : start;
                code.Run(RoundedHeads.Panel, PanelQueries, &arguments);
                arguments.A += leftStride;
                arguments.C += RoundedHeads.Panel * Queries;
            }
        }
    }

    /// <summary>Probabilities of two keys side by side. They are 0 to 1, so that half of the last place can be added without a thought of overflow.</summary>
    private static void PairUp(in Block block, int keys)
    {
        var (half, upper) = (Vector512.Create(0x8000u), Vector512.Create(0xFFFF0000u));
        for (var key = 0; key < keys; key += 2)
        {
            var source = block.Scores + (key * Queries);
            var target = block.Probabilities + (key / 2 * PanelQueries);
            for (var lane = 0; lane < Queries; lane += 16)
            {
                var first = (Vector512.Load(source + lane).AsUInt32() + half) >>> 16;
                var second = key + 1 < keys ? (Vector512.Load(source + Queries + lane).AsUInt32() + half) & upper : Vector512<uint>.Zero;
                (first | second).Store(target + (lane / PanelQueries * Keys / 2 * PanelQueries) + (lane % PanelQueries));
            }
        }
    }

    private void Finish(in Block block)
    {
        for (var i = 0; i < block.Count; i++)
        {
            var (sum, maximum) = (block.Sum[i], block.Maximum[i]);
            block.Rescale[i] = sum == 0 ? 0 : 1 / sum;
            logSumExp[((long)block.Head * q.Rows) + block.Start + i] = sum == 0 ? float.PositiveInfinity : maximum + MathF.Log2(sum);
        }

        new Span<float>(block.Rescale + block.Count, Queries - block.Count).Clear();
        var normalize = new ScaleColumns(block.Out, q.Width, Queries, block.Rescale);
        Reductions.Dispatch(ref normalize);
        AttentionForward.StoreTransposed(block.Out, Queries, block.Count, output, block.Start, block.Head);
    }

    private struct Block
    {
        public int Head;
        public int Start;
        public int Count;
        public uint* Q;
        public float* Scores;
        public uint* Probabilities;
        public float* Out;
        public float* Maximum;
        public float* Sum;
        public float* Rescale;
        public float* Zeros;
    }
}

/// <summary>
/// Keys and values of all heads in bfloat16 pairs, in panels of 8 for <see cref="PairProductCode"/>. Keys: [8 keys][D / 2][8]. Values of a range of keys: [8 channels][keys / 2][8].
/// Ranges are padded with zeros to whole panels, and begin at their first key times the padding so far.
/// </summary>
internal readonly unsafe struct RoundedHeads(HeadMatrix k, HeadMatrix v, int[] ranges, int[] lengths, int[] places, uint* memory) : IPieces
{
    /// <summary>Keys, or channels, of a panel.</summary>
    public const int Panel = 8;

    /// <summary>Keys of a piece, a multiple of the panel.</summary>
    private const int KeysPerPiece = 128;

    /// <summary>Key heads.</summary>
    public int Count => k.Heads;

    private int Padded => places[^1];

    private int Half => k.Width / 2;

    private int ValueRows => BlockProduct.RoundUp(v.Width, Panel);

    private int PiecesPerHead => (Padded + KeysPerPiece - 1) / KeysPerPiece;

    public int Pieces => k.Heads * PiecesPerHead;

    private long HeadSize => (long)Padded * (Half + (ValueRows / 2));

    /// <summary>Where ranges begin when each is padded to whole panels, and where the last one ends.</summary>
    public static int[] Places(int[] lengths)
    {
        var places = new int[lengths.Length + 1];
        for (var i = 0; i < lengths.Length; i++) places[i + 1] = places[i] + BlockProduct.RoundUp(lengths[i], Panel);
        return places;
    }

    /// <summary>Pairs of all heads.</summary>
    public static long Size(HeadMatrix k, HeadMatrix v, int padded) => k.Heads * (long)padded * ((k.Width / 2) + (BlockProduct.RoundUp(v.Width, Panel) / 2));

    /// <summary>The panel that begins with the key numbered <paramref name="key"/> in its range; it has D / 2 steps.</summary>
    public uint* KeysAt(int head, int range, int key) => memory + (head * HeadSize) + ((places[IndexOf(range)] + (long)key) * Half);

    /// <summary>The first panel of values at the key numbered <paramref name="key"/> in its range, and the pairs from one panel to the next.</summary>
    public uint* ValuesAt(int head, int range, int key, out long stride)
    {
        var index = IndexOf(range);
        var start = memory + (head * HeadSize) + ((long)Padded * Half) + (places[index] * (long)(ValueRows / 2));
        stride = (long)(places[index + 1] - places[index]) / 2 * Panel;
        return start + (key / 2 * Panel);
    }

    /// <summary>Packs some keys of a head and their values.</summary>
    public void Run(int piece)
    {
        var (head, part) = Math.DivRem(piece, PiecesPerHead);
        var (first, end) = (part * KeysPerPiece, Math.Min((part + 1) * KeysPerPiece, Padded));
        for (var range = 0; range < ranges.Length; range++)
        {
            var (from, to) = (Math.Max(first, places[range]) - places[range], Math.Min(end, places[range + 1]) - places[range]);
            for (var key = from; key < to; key += 2) PackPair(head, range, key);
        }
    }

    private int IndexOf(int range) => Array.BinarySearch(ranges, range);

    /// <summary>Two neighbouring keys, either or both of which may be padding.</summary>
    [SkipLocalsInit]
    private void PackPair(int head, int range, int key)
    {
        var width = Math.Max(k.Width, ValueRows);
        var rows = stackalloc float[2 * width];
        var pairs = stackalloc uint[width];
        var keys = KeysAt(head, ranges[range], key / Panel * Panel);
        for (var i = 0; i < 2; i++)
        {
            Load(k, head, range, key + i, rows, k.Width);
            PairLines.Join((uint*)rows, (uint*)(rows + Half), Half, pairs);
            for (var c = 0; c < Half; c++) keys[(c * Panel) + ((key + i) % Panel)] = pairs[c];
        }

        Load(v, head, range, key, rows, ValueRows);
        Load(v, head, range, key + 1, rows + width, ValueRows);
        PairLines.Join((uint*)rows, (uint*)(rows + width), ValueRows, pairs);
        var values = ValuesAt(head, ranges[range], key, out var stride);
        for (var c = 0; c < ValueRows; c += Panel) Vector256.Load(pairs + c).Store(values + (c / Panel * stride));
    }

    /// <summary>A row in float32, with zeros beyond its width and beyond the range.</summary>
    private void Load(HeadMatrix source, int head, int range, int key, float* target, int width)
    {
        var count = key < lengths[range] ? source.Width : 0;
        if (count > 0) CpuEngine.Widen(source.At(ranges[range] + key, head), source.Type, target, count);
        new Span<float>(target + count, width - count).Clear();
    }
}
