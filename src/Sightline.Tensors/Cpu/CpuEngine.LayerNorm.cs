using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void LayerNorm(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, float eps, bool centered)
    {
        var columns = x.Shape.Columns;
        var pieces = new NormPieces(new FloatView(x), new FloatView(y), Widened(w, 3), Widened(b, 4), stats.F32, x.Shape.Rows, columns, eps, centered);
        Parallel(ref pieces, RowPieces(x.Shape.Rows, columns, out pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void LayerNormBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, bool centered)
    {
        var (rows, columns) = (x.Shape.Rows, x.Shape.Columns);
        var wantsSums = dw is not null || db is not null;
        var pieces = new NormGradientPieces(new FloatView(x), new FloatView(dy), dx is null ? default : new FloatView(dx), dx is not null, Widened(w, 3), stats.F32, rows, columns, centered);
        var count = RowPieces(rows, columns, out pieces.RowsPerPiece);
        // at least 32 rows a piece bound the partial sums to 1/16 of the input
        pieces.RowsPerPiece = Math.Max(32, pieces.RowsPerPiece);
        count = columns == 0 ? 0 : checked((int)((rows + pieces.RowsPerPiece - 1) / pieces.RowsPerPiece));
        if (wantsSums) pieces.Partial = Scratch.Rent(SharedSlot, 2L * count * columns);
        Parallel(ref pieces, count);
        if (dw is not null) CombinePartials(pieces.Partial, dw, count, columns, 2L * columns);
        if (db is not null) CombinePartials(pieces.Partial + columns, db, count, columns, 2L * columns);
    }

    /// <summary>A small parameter as float32: in place, or widened into a slot of the calling thread's scratch. Null stays null.</summary>
    private static unsafe float* Widened(Tensor? vector, int slot)
    {
        if (vector is null) return null;
        if (vector.DType == DType.Float32) return (float*)vector.Data;
        return new FloatView(vector).Read(0, checked((int)vector.Count), Scratch.Rent(slot, vector.Count));
    }

    /// <summary>target[c] = Σ_p partial[p step + c], in the order of the pieces.</summary>
    private static unsafe void CombinePartials(float* partial, Tensor target, int count, int columns, long step)
    {
        var view = new FloatView(target);
        var sum = view.Target(0, Scratch.Rent(0, columns));
        new Span<float>(sum, columns).Clear();
        for (var p = 0; p < count; p++) Elementwise.Map(sum, partial + (p * step), sum, columns, default(AddKernel));
        view.Commit(0, columns, sum);
    }

    private unsafe struct NormPieces(FloatView x, FloatView y, float* w, float* b, float* stats, long rows, int columns, float eps, bool centered) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wide = Scratch.Rent(0, columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var kernel = new NormRow(x.Read(row * columns, columns, wide), y.Target(row * columns, wide), w, b, columns, eps, centered);
                Reductions.Dispatch(ref kernel);
                stats[2 * row] = kernel.Mean;
                stats[(2 * row) + 1] = kernel.Scale;
                y.Commit(row * columns, columns, wide);
            }
        }
    }

    /// <summary>One row: mean, then variance around it (two passes, float32, sixteen lanes), then the result.</summary>
    internal unsafe struct NormRow(float* x, float* y, float* w, float* b, int count, float eps, bool centered) : IRowKernel
    {
        public float Mean;
        public float Scale;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>()
            where V : struct, ILanes<V>
        {
            var full = count & ~15;
            if (centered)
            {
                var sum = V.Create(0f);
                for (var i = 0; i < full; i += 16) sum += V.Load(x + i);
                if (full < count) sum += Reductions.LoadTail<V>(x + full, count - full, 0f);
                Mean = sum.Sum() / count;
            }

            var mean = V.Create(Mean);
            var squares = V.Create(0f);
            for (var i = 0; i < full; i += 16)
            {
                var d = V.Load(x + i) - mean;
                squares = V.Fma(d, d, squares);
            }

            if (full < count)
            {
                var d = Reductions.LoadTail<V>(x + full, count - full, Mean) - mean;
                squares = V.Fma(d, d, squares);
            }

            Scale = 1f / MathF.Sqrt((squares.Sum() / count) + eps);
            var done = Write<V>(0);
            if (Vector256.IsHardwareAccelerated) done = Write<Lane8>(done);
            Write<Lane1>(done);
        }

        /// <summary>The result from element <paramref name="i"/> on, as far as whole groups of lanes go; every width gives the same bits.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly int Write<L>(int i)
            where L : struct, ILanes<L>
        {
            var (mean, scale) = (L.Create(Mean), L.Create(Scale));
            for (; i <= count - L.Count; i += L.Count)
            {
                var n = (L.Load(x + i) - mean) * scale;
                if (w != null) n *= L.Load(w + i);
                if (b != null) n += L.Load(b + i);
                n.Store(y + i);
            }

            return i;
        }
    }

    private unsafe struct NormGradientPieces(FloatView x, FloatView dy, FloatView dx, bool wantsDx, float* w, float* stats, long rows, int columns, bool centered) : IPieces
    {
        public long RowsPerPiece;
        public float* Partial;

        public readonly void Run(int piece)
        {
            var wideX = Scratch.Rent(0, columns);
            var wideG = Scratch.Rent(1, columns);
            var wideD = Scratch.Rent(2, columns);
            var partial = Partial == null ? null : Partial + (2L * piece * columns);
            if (partial != null) new Span<float>(partial, 2 * columns).Clear();
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var kernel = new NormGradientRow(
                    x.Read(row * columns, columns, wideX),
                    dy.Read(row * columns, columns, wideG),
                    wantsDx ? dx.Target(row * columns, wideD) : null,
                    w,
                    partial,
                    columns,
                    stats[2 * row],
                    stats[(2 * row) + 1],
                    centered);
                Reductions.Dispatch(ref kernel);
                if (wantsDx) dx.Commit(row * columns, columns, wideD);
            }
        }
    }

    /// <summary>
    /// With n = (x - mean) r and h = dy w: dx = r (h - mean(h) - n mean(h n)) (mean(h) only when centered); adds dy n and dy to the partial sums
    /// of dw and db.
    /// </summary>
    private unsafe struct NormGradientRow(float* x, float* g, float* dx, float* w, float* partial, int count, float mean, float scale, bool centered) : IRowKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run<V>()
            where V : struct, ILanes<V>
        {
            var (m, r) = (V.Create(mean), V.Create(scale));
            var (sumH, sumHn) = (V.Create(0f), V.Create(0f));
            var full = count & ~15;
            for (var i = 0; i < full; i += 16)
            {
                var n = (V.Load(x + i) - m) * r;
                var dy = V.Load(g + i);
                var h = w == null ? dy : dy * V.Load(w + i);
                sumH += h;
                sumHn = V.Fma(h, n, sumHn);
                if (partial == null) continue;
                V.Fma(dy, n, V.Load(partial + i)).Store(partial + i);
                (V.Load(partial + count + i) + dy).Store(partial + count + i);
            }

            if (full < count)
            {
                var left = count - full;
                var n = (Reductions.LoadTail<V>(x + full, left, mean) - m) * r;
                var dy = Reductions.LoadTail<V>(g + full, left, 0f);
                var h = w == null ? dy : dy * Reductions.LoadTail<V>(w + full, left, 0f);
                sumH += h;
                sumHn = V.Fma(h, n, sumHn);
                if (partial != null)
                {
                    var done = Vector256.IsHardwareAccelerated ? AddPartials<Lane8>(full) : full;
                    AddPartials<Lane1>(done);
                }
            }

            if (dx == null) return;
            var meanH = centered ? sumH.Sum() / count : 0f;
            var meanHn = sumHn.Sum() / count;
            var written = Write<V>(0, meanH, -meanHn);
            if (Vector256.IsHardwareAccelerated) written = Write<Lane8>(written, meanH, -meanHn);
            Write<Lane1>(written, meanH, -meanHn);
        }

        /// <summary>Terms of dw and db from element <paramref name="i"/> on, as far as whole groups of lanes go.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly int AddPartials<L>(int i)
            where L : struct, ILanes<L>
        {
            var (m, r) = (L.Create(mean), L.Create(scale));
            for (; i <= count - L.Count; i += L.Count)
            {
                var dy = L.Load(g + i);
                L.Fma(dy, (L.Load(x + i) - m) * r, L.Load(partial + i)).Store(partial + i);
                (L.Load(partial + count + i) + dy).Store(partial + count + i);
            }

            return i;
        }

        /// <summary>dx from element <paramref name="i"/> on, as far as whole groups of lanes go; every width gives the same bits.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly int Write<L>(int i, float meanH, float negativeMeanHn)
            where L : struct, ILanes<L>
        {
            var (m, r, a, b) = (L.Create(mean), L.Create(scale), L.Create(meanH), L.Create(negativeMeanHn));
            for (; i <= count - L.Count; i += L.Count)
            {
                var n = (L.Load(x + i) - m) * r;
                var h = w == null ? L.Load(g + i) : L.Load(g + i) * L.Load(w + i);
                (r * L.Fma(n, b, h - a)).Store(dx + i);
            }

            return i;
        }
    }
}
