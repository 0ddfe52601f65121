using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <summary>Rows of a band of a transposition: a cache line of float32.</summary>
    private const int Tile = StridedPlan.Tile;

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
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
            if (sizeof(T) == 4 && Sse.IsSupported && bottom - top == Tile)
            {
                TileOfSingles((float*)from + top, (float*)to + (top * columns), columns, step);
                return;
            }

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

        /// <summary>
        /// A band of 16 rows of the result: each source line of 64 bytes is read whole, four lines at a time, and turned in squares of four in registers.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void TileOfSingles(float* from, float* to, long columns, long step)
        {
            long j = 0;
            for (; j <= columns - 4; j += 4)
            {
                for (var i = 0; i < Tile; i += 4)
                {
                    var source = from + (j * step) + i;
                    var (a, b) = (Sse.LoadVector128(source), Sse.LoadVector128(source + step));
                    var (c, d) = (Sse.LoadVector128(source + (2 * step)), Sse.LoadVector128(source + (3 * step)));
                    var (ab, cd) = (Sse.UnpackLow(a, b), Sse.UnpackLow(c, d));
                    var (ef, gh) = (Sse.UnpackHigh(a, b), Sse.UnpackHigh(c, d));
                    var target = to + (i * columns) + j;
                    Sse.MoveLowToHigh(ab, cd).Store(target);
                    Sse.MoveHighToLow(cd, ab).Store(target + columns);
                    Sse.MoveLowToHigh(ef, gh).Store(target + (2 * columns));
                    Sse.MoveHighToLow(gh, ef).Store(target + (3 * columns));
                }
            }

            for (var i = 0; i < Tile; i++)
            {
                for (var rest = j; rest < columns; rest++) to[(i * columns) + rest] = from[(rest * step) + i];
            }
        }
    }
}
