using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void GatherRows(Tensor x, Tensor ids, Tensor y, int columns)
    {
        CheckIds("IndexRows", ids, x.Shape[0]);
        var pieces = new GatherPieces((byte*)x.Data, ids.I64, (byte*)y.Data, ids.Count, (long)columns * x.DType.Size());
        Parallel(ref pieces, RowPieces(ids.Count, columns, out pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void ScatterAddRows(Tensor x, Tensor ids, Tensor y, int columns, long skip)
    {
        CheckIds("ScatterRows", ids, y.Shape[0]);
        Clear(y);
        if (x.Count == 0) return;
        // a piece owns some columns of all rows: no two pieces write one element, and ids are walked in order
        if (y.DType == DType.Float32)
        {
            var pieces = new ScatterPieces(new FloatView(x), ids.I64, (float*)y.Data, ids.Count, columns, skip);
            Parallel(ref pieces, PieceCount(columns, ScatterPieces.Width));
            return;
        }

        using var sum = Tensor.Zeros(y.Shape, DType.Float32, this);
        var wide = new ScatterPieces(new FloatView(x), ids.I64, sum.F32, ids.Count, columns, skip);
        Parallel(ref wide, PieceCount(columns, ScatterPieces.Width));
        Cast(sum, y);
    }

    private static unsafe void CheckIds(string op, Tensor ids, long rows)
    {
        var at = ids.I64;
        for (long i = 0; i < ids.Count; i++)
        {
            if ((ulong)at[i] >= (ulong)rows) throw new ShapeException($"{op}: id {at[i]} at position {i}, but there are {rows} rows");
        }
    }

    private unsafe struct GatherPieces(byte* x, long* ids, byte* y, long rows, long bytes) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
                Buffer.MemoryCopy(x + (ids[row] * bytes), y + (row * bytes), bytes, bytes);
        }
    }

    private readonly unsafe struct ScatterPieces(FloatView x, long* ids, float* y, long rows, int columns, long skip) : IPieces
    {
        public const int Width = 128;

        [SkipLocalsInit]
        public void Run(int piece)
        {
            var column = piece * Width;
            var length = Math.Min(Width, columns - column);
            var wide = stackalloc float[Width];
            for (long row = 0; row < rows; row++)
            {
                if (ids[row] == skip) continue;
                var target = y + (ids[row] * columns) + column;
                Elementwise.Map(target, x.Read((row * columns) + column, length, wide), target, length, default(AddKernel));
            }
        }
    }
}
