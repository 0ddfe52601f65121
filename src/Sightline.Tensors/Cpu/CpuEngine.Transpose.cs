using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <summary>Side of the square tiles of a transposition: 32 lines of 64 bytes for float32.</summary>
    private const int Tile = 32;

    /// <inheritdoc/>
    public override unsafe void Permute(Tensor x, Tensor y, ReadOnlySpan<int> axes)
    {
        Span<long> steps = stackalloc long[axes.Length];
        for (var i = 0; i < axes.Length; i++)
        {
            long step = 1;
            for (var j = axes[i] + 1; j < axes.Length; j++) step *= x.Shape[j];
            steps[i] = step;
        }

        StridedCopy(x, y, steps);
    }

    /// <inheritdoc/>
    public override void Expand(Tensor x, Tensor y)
    {
        Span<long> steps = stackalloc long[y.Shape.Rank];
        long run = 1;
        for (var i = 1; i <= y.Shape.Rank; i++)
        {
            var size = i <= x.Shape.Rank ? x.Shape[^i] : 1;
            steps[^i] = size == 1 ? 0 : run;
            run *= size;
        }

        StridedCopy(x, y, steps);
    }

    /// <summary>y[i] = x[Σ i_k steps_k]; y is walked in order.</summary>
    private static unsafe void StridedCopy(Tensor x, Tensor y, ReadOnlySpan<long> steps)
    {
        if (y.Count == 0) return;
        var plan = new StridedPlan(y.Shape, steps);
        var source = (byte*)x.Data;
        var target = (byte*)y.Data;
        switch (y.DType.Size())
        {
            case 1: Start((byte*)source, (byte*)target, plan); break;
            case 2: Start((ushort*)source, (ushort*)target, plan); break;
            case 4: Start((uint*)source, (uint*)target, plan); break;
            default: Start((ulong*)source, (ulong*)target, plan); break;
        }

        static void Start<T>(T* source, T* target, StridedPlan plan)
            where T : unmanaged
        {
            var pieces = new StridedPieces<T>(source, target, plan);
            if (plan.IsTiled) Parallel(ref pieces, checked((int)plan.TilePieces));
            else Parallel(ref pieces, RowPieces(plan.Rows, plan.Columns, out pieces.RowsPerPiece));
        }
    }

    private unsafe struct StridedPieces<T>(T* source, T* target, StridedPlan plan) : IPieces
        where T : unmanaged
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            if (plan.IsTiled)
            {
                RunTile(piece);
                return;
            }

            var columns = plan.Columns;
            var step = plan.ColumnStep;
            var end = Math.Min((piece + 1) * RowsPerPiece, plan.Rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var from = source + plan.RowStart(row);
                var to = target + (row * columns);
                if (step == 1) Buffer.MemoryCopy(from, to, columns * sizeof(T), columns * sizeof(T));
                else if (step == 0) new Span<T>(to, (int)columns).Fill(*from);
                else for (long j = 0; j < columns; j++) to[j] = from[j * step];
            }
        }

        /// <summary>
        /// The last two axes with the second last running through memory: a band of <see cref="Tile"/> rows is written while the lines that it reads
        /// are in the cache.
        /// </summary>
        private readonly void RunTile(int piece)
        {
            var (columns, height) = (plan.Columns, plan.Height);
            var bands = (height + Tile - 1) / Tile;
            var matrix = piece / bands;
            var top = piece % bands * Tile;
            var bottom = Math.Min(top + Tile, height);
            var from = source + plan.RowStart(matrix * height);
            var to = target + (matrix * height * columns);
            var step = plan.ColumnStep;
            for (long left = 0; left < columns; left += Tile)
            {
                var right = Math.Min(left + Tile, columns);
                for (var i = top; i < bottom; i++)
                {
                    var line = from + i;
                    var row = to + (i * columns);
                    for (var j = left; j < right; j++) row[j] = line[j * step];
                }
            }
        }
    }
}
