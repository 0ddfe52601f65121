using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <summary>Columns that one piece of a sum over rows takes.</summary>
    private const int SumColumns = 1024;

    /// <summary>Rows added in sequence before a partial sum is kept.</summary>
    private const int SumRows = 256;

    /// <summary>The slot of the calling thread's scratch that holds partial sums of all pieces of a loop.</summary>
    private const int SharedSlot = 5;

    /// <inheritdoc/>
    public override unsafe void SumMiddle(Tensor x, Tensor y, long outer, long middle, long inner, float scale)
    {
        if (outer == 0 || inner == 0) return;
        if (middle == 0)
        {
            Clear(y);
            return;
        }

        if (inner == 1)
        {
            SumRowsOf(x, y, outer, middle, scale);
            return;
        }

        var blocks = PieceCount(middle, SumRows);
        var columnPieces = PieceCount(inner, SumColumns);
        var partial = blocks > 1 ? Scratch.Rent(SharedSlot, outer * blocks * inner) : null;
        var pieces = new SumColumnPieces(new FloatView(x), new FloatView(y), partial, middle, inner, blocks, columnPieces, scale);
        Parallel(ref pieces, checked((int)(outer * blocks * columnPieces)));
        if (blocks == 1) return;
        var combine = new CombineBlocks(partial, new FloatView(y), inner, blocks, columnPieces, scale);
        Parallel(ref combine, checked((int)(outer * columnPieces)));
    }

    /// <inheritdoc/>
    public override unsafe void MaxLast(Tensor x, Tensor y, Tensor index)
    {
        var pieces = new MaxPieces(new FloatView(x), new FloatView(y), index.I64, x.Shape.Rows, x.Shape.Columns);
        Parallel(ref pieces, RowPieces(x.Shape.Rows, x.Shape.Columns, out pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void ScatterLast(Tensor x, Tensor index, Tensor y)
    {
        Clear(y);
        var (from, to) = (new FloatView(x), new FloatView(y));
        var at = index.I64;
        float value;
        for (long row = 0; row < x.Count; row++)
        {
            var position = (row * y.Shape.Columns) + at[row];
            *to.Target(position, &value) = from[row];
            to.Commit(position, 1, &value);
        }
    }

    private static unsafe void SumRowsOf(Tensor x, Tensor y, long rows, long columns, float scale)
    {
        var chunks = PieceCount(columns, ElementwisePiece);
        if (chunks == 1)
        {
            var whole = new SumRowPieces(new FloatView(x), new FloatView(y), rows, (int)columns, scale);
            Parallel(ref whole, RowPieces(rows, columns, out whole.RowsPerPiece));
            return;
        }

        // long rows: chunk sums in float32, added in order in double
        var partial = Scratch.Rent(SharedSlot, rows * chunks);
        var pieces = new SumChunks(new FloatView(x), partial, columns, chunks);
        Parallel(ref pieces, checked((int)(rows * chunks)));
        var target = new FloatView(y);
        float value;
        for (long row = 0; row < rows; row++)
        {
            double sum = 0;
            for (var i = 0; i < chunks; i++) sum += partial[(row * chunks) + i];
            *target.Target(row, &value) = (float)sum * scale;
            target.Commit(row, 1, &value);
        }
    }

    private unsafe struct SumRowPieces(FloatView x, FloatView y, long rows, int columns, float scale) : IPieces
    {
        public long RowsPerPiece;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            var scratch = Scratch.Rent(0, columns);
            float value;
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var sum = Reductions.Sum(x.Read(row * columns, columns, scratch), columns) * scale;
                *y.Target(row, &value) = sum;
                y.Commit(row, 1, &value);
            }
        }
    }

    private readonly unsafe struct SumChunks(FloatView x, float* partial, long columns, int chunks) : IPieces
    {
        public void Run(int piece)
        {
            var start = (long)(piece % chunks) * ElementwisePiece;
            var length = (int)Math.Min(ElementwisePiece, columns - start);
            var scratch = Scratch.Rent(0, length);
            partial[piece] = Reductions.Sum(x.Read(((piece / chunks) * columns) + start, length, scratch), length);
        }
    }

    private readonly unsafe struct SumColumnPieces(FloatView x, FloatView y, float* partial, long middle, long inner, int blocks, int columnPieces, float scale) : IPieces
    {
        [SkipLocalsInit]
        public void Run(int piece)
        {
            var column = (long)(piece % columnPieces) * SumColumns;
            var block = piece / columnPieces % blocks;
            long o = piece / columnPieces / blocks;
            var length = (int)Math.Min(SumColumns, inner - column);
            var wide = stackalloc float[SumColumns];
            var sum = stackalloc float[SumColumns];
            new Span<float>(sum, length).Clear();
            var last = Math.Min((block + 1L) * SumRows, middle);
            for (var m = (long)block * SumRows; m < last; m++)
                Elementwise.Map(sum, x.Read((((o * middle) + m) * inner) + column, length, wide), sum, length, default(AddKernel));
            if (partial != null)
            {
                new Span<float>(sum, length).CopyTo(new Span<float>(partial + (((o * blocks) + block) * inner) + column, length));
                return;
            }

            var at = (o * inner) + column;
            Elementwise.Map(sum, y.Target(at, wide), length, new ScaleKernel(scale));
            y.Commit(at, length, wide);
        }
    }

    /// <summary>Adds the partial sums of a column in the order of their rows.</summary>
    private readonly unsafe struct CombineBlocks(float* partial, FloatView y, long inner, int blocks, int columnPieces, float scale) : IPieces
    {
        [SkipLocalsInit]
        public void Run(int piece)
        {
            var column = (long)(piece % columnPieces) * SumColumns;
            long o = piece / columnPieces;
            var length = (int)Math.Min(SumColumns, inner - column);
            var wide = stackalloc float[SumColumns];
            var sum = stackalloc float[SumColumns];
            new Span<float>(sum, length).Clear();
            for (var block = 0; block < blocks; block++)
                Elementwise.Map(sum, partial + (((o * blocks) + block) * inner) + column, sum, length, default(AddKernel));
            var at = (o * inner) + column;
            Elementwise.Map(sum, y.Target(at, wide), length, new ScaleKernel(scale));
            y.Commit(at, length, wide);
        }
    }

    private unsafe struct MaxPieces(FloatView x, FloatView y, long* index, long rows, int columns) : IPieces
    {
        public long RowsPerPiece;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            var scratch = Scratch.Rent(0, columns);
            float value;
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var values = x.Read(row * columns, columns, scratch);
                var max = Reductions.Max(values, columns);
                var at = new ReadOnlySpan<float>(values, columns).IndexOf(max);
                if (float.IsNaN(max)) for (at = 0; !float.IsNaN(values[at]);) at++;
                index[row] = at;
                *y.Target(row, &value) = max;
                y.Commit(row, 1, &value);
            }
        }
    }
}
