using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <summary>Multiply-adds of one product of a stack above which its threads share it instead of taking one each.</summary>
    private const long WorkShared = 1 << 22;

    /// <inheritdoc/>
    public override unsafe void MatMul(Tensor a, bool transposeA, Tensor b, bool transposeB, Tensor? bias, Tensor c, float beta)
    {
        if (c.Count == 0) return;
        var (M, N) = (c.Shape[^2], c.Shape[^1]);
        var K = transposeA ? a.Shape[^2] : a.Shape[^1];
        var stack = (int)(c.Count / ((long)M * N));
        var lines = new StridedLines(a.Data, a.DType, transposeA ? 1 : a.Shape[^1], transposeA ? a.Shape[^1] : 1);
        var columns = new StridedLines(b.Data, b.DType, transposeB ? b.Shape[^1] : 1, transposeB ? 1 : b.Shape[^1]);
        using var start = new WideBias(bias);
        var work = new Products(lines, a.Shape.Rank == 2 ? 0 : (long)M * K, columns, b.Shape.Rank == 2 ? 0 : (long)K * N,
            (byte*)c.Data, c.DType, start.Data, beta != 0, M, N, K, RowIndependence.IsRequired, BFloat16Products.AreAllowed);
        if (stack == 1 || (long)M * N * K > WorkShared)
        {
            for (var i = 0; i < stack; i++) work.Run(i);
        }
        else
        {
            Parallel(ref work, stack);
        }
    }

    /// <inheritdoc/>
    public override unsafe void BiasGradient(Tensor x, Tensor y, float beta)
    {
        var N = x.Shape.Columns;
        if (N == 0) return;
        var work = new ColumnSums((byte*)x.Data, x.DType, x.Shape.Rows, N, (byte*)y.Data, y.DType, beta != 0);
        Parallel(ref work, PieceCount(N, ColumnSums.Width));
    }

    /// <summary>A bias as float32 for the time of a product.</summary>
    private readonly unsafe ref struct WideBias : IDisposable
    {
        private readonly NativeBlock? _block;

        public WideBias(Tensor? bias)
        {
            if (bias is null) return;
            Data = (float*)bias.Data;
            if (bias.DType == DType.Float32) return;
            _block = NativePool.Shared.Rent(bias.Count * sizeof(float));
            Data = (float*)_block.Pointer;
            Widen((byte*)bias.Data, bias.DType, Data, (int)bias.Count);
        }

        public float* Data { get; }

        public void Dispose() => _block?.Release();
    }

    /// <summary>Products of a stack of matrices; 16-bit results are summed in a float32 block and rounded once.</summary>
    private readonly unsafe struct Products(
        StridedLines a, long strideA, StridedLines b, long strideB, byte* c, DType typeC, float* bias, bool add, int M, int N, int K, bool rowsApart, bool rounded) : IPieces
    {
        /// <summary>Rows of a 16-bit result that are held in float32 at once.</summary>
        private const int RowsAtOnce = 2016;

        public void Run(int entry)
        {
            var lines = At(a, entry * strideA);
            var columns = At(b, entry * strideB);
            var target = c + ((long)entry * M * N * typeC.Size());
            if (typeC == DType.Float32)
            {
                Multiply(M, lines, columns, (float*)target, add);
                return;
            }

            var block = NativePool.Shared.Rent((long)Math.Min(RowsAtOnce, M) * N * sizeof(float));
            var wide = (float*)block.Pointer;
            for (var m = 0; m < M; m += RowsAtOnce)
            {
                var rows = Math.Min(RowsAtOnce, M - m);
                var part = target + ((long)m * N * typeC.Size());
                for (var i = 0; i < rows && add; i++) Widen(part + ((long)i * N * typeC.Size()), typeC, wide + ((long)i * N), N);
                Multiply(rows, At(lines, m * lines.LineStride), columns, wide, add);
                for (var i = 0; i < rows; i++) Narrow(wide + ((long)i * N), part + ((long)i * N * typeC.Size()), typeC, N);
            }

            block.Release();
        }

        private void Multiply(int rows, StridedLines lines, StridedLines columns, float* target, bool addTo)
        {
            if (rowsApart && rows <= ThinProduct.MaxRows) ThinProduct.Run(rows, N, K, lines, columns, target, N, bias, addTo);
            else if (!rowsApart && FewRows.Suits(M, N, K, lines, columns)) FewRows.Run(rows, N, K, lines, columns, target, N, bias, addTo);
            else if (!rowsApart && PairTile.Suits(lines.Type, columns.Type, rounded)) Gemm.Gemm.Run(rows, N, PairLines.Steps(K), new PairLines(lines, K), new PairLines(columns, K), target, N, bias, addTo);
            else Gemm.Gemm.Run(rows, N, K, lines, columns, target, N, bias, addTo);
        }

        private static StridedLines At(StridedLines lines, long offset) =>
            new((byte*)lines.Data + (offset * lines.Type.Size()), lines.Type, lines.LineStride, lines.StepStride);
    }

    /// <summary>Sums over the rows, for a stripe of columns a piece: rows in order within runs of 64, then the runs in order, so that the error stays small for many rows.</summary>
    private readonly unsafe struct ColumnSums(byte* x, DType typeX, int rows, int N, byte* y, DType typeY, bool add) : IPieces
    {
        public const int Width = 64;
        private const int RowsInRun = 64;

        public void Run(int piece)
        {
            var first = piece * Width;
            var count = Math.Min(Width, N - first);
            var total = stackalloc float[Width];
            var sums = stackalloc float[Width];
            var row = stackalloc float[Width];
            if (add) Widen(y + (first * typeY.Size()), typeY, total, count);
            else new Span<float>(total, Width).Clear();
            for (var start = 0; start < rows; start += RowsInRun)
            {
                if (typeX == DType.Float32 && count == Width && Vector512.IsHardwareAccelerated)
                {
                    SumWide((float*)x + first, start, Math.Min(start + RowsInRun, rows), total);
                    continue;
                }

                new Span<float>(sums, Width).Clear();
                SumRun(first, count, start, Math.Min(start + RowsInRun, rows), sums, row);
                for (var j = 0; j < count; j++) total[j] += sums[j];
            }

            Narrow(total, y + (first * typeY.Size()), typeY, count);
        }

        /// <summary>total += a run of rows, summed in registers.</summary>
        private void SumWide(float* columns, int start, int end, float* total)
        {
            var (s0, s1, s2, s3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var row = columns + ((long)start * N);
            for (var i = start; i < end; i++, row += N)
            {
                s0 += Vector512.Load(row);
                s1 += Vector512.Load(row + 16);
                s2 += Vector512.Load(row + 32);
                s3 += Vector512.Load(row + 48);
            }

            (Vector512.Load(total) + s0).Store(total);
            (Vector512.Load(total + 16) + s1).Store(total + 16);
            (Vector512.Load(total + 32) + s2).Store(total + 32);
            (Vector512.Load(total + 48) + s3).Store(total + 48);
        }

        private void SumRun(int first, int count, int start, int end, float* sums, float* row)
        {
            for (var i = start; i < end; i++)
            {
                var source = x + ((((long)i * N) + first) * typeX.Size());
                var values = (float*)source;
                if (typeX != DType.Float32)
                {
                    Widen(source, typeX, row, count);
                    values = row;
                }

                var j = 0;
                for (; j <= count - 8 && Vector256.IsHardwareAccelerated; j += 8) (Vector256.Load(sums + j) + Vector256.Load(values + j)).Store(sums + j);
                for (; j < count; j++) sums[j] += values[j];
            }
        }
    }
}
