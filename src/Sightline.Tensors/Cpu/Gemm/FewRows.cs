using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// Products of a few rows with a large matrix whose lines are contiguous along K: bounded by reading the matrix, so it is read
/// once and never packed. c[i, j] = start + few_i · many_j; each sum runs through sixteen lanes in order of K, then over the
/// lanes, then the rest: the same bits for any number of rows and any width of registers with fused multiply-add.
/// </summary>
internal static unsafe class FewRows
{
    /// <summary>Most rows for which reading the matrix again from the cache beats packing it.</summary>
    public const int MaxRows = 16;

    /// <summary>Lines of the matrix in a piece.</summary>
    private const int LinesAtOnce = 64;

    /// <summary>Lines that are read side by side, each a stream of its own.</summary>
    private const int Streams = 8;

    private const long SerialWork = 1 << 16;

    public static bool Suits(int M, int N, int K, in StridedLines a, in StridedLines b) =>
        a.StepStride == 1 && b.StepStride == 1 && Math.Min(M, N) <= MaxRows && (K >= 128 || Math.Min(M, N) <= 2);

    /// <summary>c[M, N] = (add ? c : bias) + a · bᵀ. Either operand may be the one with few lines.</summary>
    public static void Run(int M, int N, int K, in StridedLines a, in StridedLines b, float* c, nint ldc, float* bias, bool add)
    {
        if (M == 0 || N == 0) return;
        var swap = M > N;
        var (few, many) = swap ? (b, a) : (a, b);
        var fewCount = Math.Min(M, N);
        using var rows = new FloatBlock((long)fewCount * K);
        var start = (float*)few.Data;
        var stride = few.LineStride;
        if (few.Type != DType.Float32)
        {
            for (var i = 0; i < fewCount; i++) CpuEngine.Widen((byte*)few.Data + (i * few.LineStride * few.Type.Size()), few.Type, rows.Data + ((long)i * K), K);
            start = rows.Data;
            stride = K;
        }

        var work = new Work(start, stride, fewCount, many, Math.Max(M, N), K, c, swap ? 1 : ldc, swap ? ldc : 1, bias, swap, add);
        var pieces = CpuEngine.PieceCount(Math.Max(M, N), LinesAtOnce);
        if ((long)M * N * K > SerialWork) CpuEngine.Parallel(ref work, pieces);
        else for (var i = 0; i < pieces; i++) work.Run(i);
    }

    /// <param name="few">First of the few lines.</param>
    /// <param name="fewStride">Floats between them.</param>
    /// <param name="fewCount">How many.</param>
    /// <param name="many">The matrix.</param>
    /// <param name="manyCount">Its lines.</param>
    /// <param name="K">Length of the sums.</param>
    /// <param name="c">Result for few 0, many 0.</param>
    /// <param name="stepFew">Floats in c from one of the few to the next.</param>
    /// <param name="stepMany">Floats in c from one of the many to the next.</param>
    /// <param name="bias">Starts, or null: one for each column of c.</param>
    /// <param name="columnsAreFew">Whether the columns of c belong to the few.</param>
    /// <param name="add">Whether c holds the starts.</param>
    private readonly struct Work(
        float* few, nint fewStride, int fewCount, StridedLines many, int manyCount, int K, float* c, nint stepFew, nint stepMany, float* bias, bool columnsAreFew, bool add)
        : IPieces
    {
        public void Run(int piece)
        {
            var end = Math.Min((piece + 1) * LinesAtOnce, manyCount);
            if (many.Type == DType.Float32)
            {
                RunFloats(piece * LinesAtOnce, end);
                return;
            }

            using var wide = new FloatBlock((long)Streams * K);
            for (var j = piece * LinesAtOnce; j < end; j += Streams)
            {
                var count = Math.Min(Streams, end - j);
                for (var s = 0; s < count; s++)
                    CpuEngine.Widen((byte*)many.Data + ((j + s) * many.LineStride * many.Type.Size()), many.Type, wide.Data + ((long)s * K), K);
                RunLines(wide.Data, K, j, 1, count);
            }
        }

        /// <summary>A full piece is read as eight streams of consecutive lines, so that each goes on where its last line ended (software prefetch made it slower: the streams share cache sets).</summary>
        private void RunFloats(int first, int end)
        {
            const int apart = LinesAtOnce / Streams;
            var lines = (float*)many.Data + (first * many.LineStride);
            if (end - first == LinesAtOnce)
            {
                for (var j = 0; j < apart; j++) RunLines(lines + (j * many.LineStride), apart * many.LineStride, first + j, apart, Streams);
                return;
            }

            for (var j = first; j < end; j += Streams, lines += Streams * many.LineStride) RunLines(lines, many.LineStride, j, 1, Math.Min(Streams, end - j));
        }

        /// <summary>All of the few against up to eight lines, <paramref name="apart"/> line numbers from each other; four by four where there are as many.</summary>
        [SkipLocalsInit]
        private void RunLines(float* lines, nint stride, int first, int apart, int count)
        {
            var sums = stackalloc float[16];
            var i = 0;
            for (; count == Streams && i <= fewCount - 4 && Vector512.IsHardwareAccelerated; i += 4)
            {
                for (var half = 0; half < Streams; half += 4)
                {
                    FourByFour<Lane16>(few + (i * fewStride), fewStride, lines + (half * stride), stride, sums);
                    for (var s = 0; s < 16; s++) Store(i + (s / 4), first + ((half + (s % 4)) * apart), sums[s]);
                }
            }

            for (; i < fewCount; i++)
            {
                var row = few + (i * fewStride);
                if (count == Streams)
                {
                    var eight = new OneByEight(row, lines, stride, K, sums);
                    Reductions.Dispatch(ref eight);
                }
                else
                {
                    for (var s = 0; s < count; s++)
                    {
                        var one = new OneByOne(row, lines + (s * stride), K, sums + s);
                        Reductions.Dispatch(ref one);
                    }
                }

                for (var s = 0; s < count; s++) Store(i, first + (s * apart), sums[s]);
            }
        }

        private void Store(int i, int j, float sum)
        {
            var target = c + (i * stepFew) + (j * stepMany);
            *target = (add ? *target : bias is null ? 0 : bias[columnsAreFew ? i : j]) + sum;
        }

        private void FourByFour<V>(float* a, nint lda, float* b, nint ldb, float* sums)
            where V : struct, ILanes<V>
        {
            V s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33;
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = V.Create(0f);
            var k = 0;
            for (; k <= K - 16; k += 16)
            {
                var b0 = V.Load(b + k);
                var b1 = V.Load(b + ldb + k);
                var b2 = V.Load(b + (2 * ldb) + k);
                var b3 = V.Load(b + (3 * ldb) + k);
                var row = V.Load(a + k);
                s00 = V.Fma(row, b0, s00);
                s01 = V.Fma(row, b1, s01);
                s02 = V.Fma(row, b2, s02);
                s03 = V.Fma(row, b3, s03);
                row = V.Load(a + lda + k);
                s10 = V.Fma(row, b0, s10);
                s11 = V.Fma(row, b1, s11);
                s12 = V.Fma(row, b2, s12);
                s13 = V.Fma(row, b3, s13);
                row = V.Load(a + (2 * lda) + k);
                s20 = V.Fma(row, b0, s20);
                s21 = V.Fma(row, b1, s21);
                s22 = V.Fma(row, b2, s22);
                s23 = V.Fma(row, b3, s23);
                row = V.Load(a + (3 * lda) + k);
                s30 = V.Fma(row, b0, s30);
                s31 = V.Fma(row, b1, s31);
                s32 = V.Fma(row, b2, s32);
                s33 = V.Fma(row, b3, s33);
            }

            Finish(s00, s01, s02, s03, a, b, ldb, k, sums);
            Finish(s10, s11, s12, s13, a + lda, b, ldb, k, sums + 4);
            Finish(s20, s21, s22, s23, a + (2 * lda), b, ldb, k, sums + 8);
            Finish(s30, s31, s32, s33, a + (3 * lda), b, ldb, k, sums + 12);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Finish<V>(V s0, V s1, V s2, V s3, float* a, float* b, nint ldb, int k, float* sums)
            where V : struct, ILanes<V>
        {
            sums[0] = s0.Sum() + Rest(a, b, k, K);
            sums[1] = s1.Sum() + Rest(a, b + ldb, k, K);
            sums[2] = s2.Sum() + Rest(a, b + (2 * ldb), k, K);
            sums[3] = s3.Sum() + Rest(a, b + (3 * ldb), k, K);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Rest(float* a, float* b, int k, int K)
    {
        var sum = 0f;
        for (; k < K; k++) sum += a[k] * b[k];
        return sum;
    }

    /// <summary>One row against eight lines at once: eight streams from memory.</summary>
    private readonly struct OneByEight(float* row, float* b, nint ldb, int K, float* sums) : IRowKernel
    {
        public void Run<V>()
            where V : struct, ILanes<V>
        {
            V s0, s1, s2, s3, s4, s5, s6, s7;
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = V.Create(0f);
            var low = b;
            var high = b + (4 * ldb);
            var k = 0;
            for (; k <= K - 16; k += 16)
            {
                var a = V.Load(row + k);
                s0 = V.Fma(a, V.Load(low + k), s0);
                s1 = V.Fma(a, V.Load(low + ldb + k), s1);
                s2 = V.Fma(a, V.Load(low + (2 * ldb) + k), s2);
                s3 = V.Fma(a, V.Load(low + (3 * ldb) + k), s3);
                s4 = V.Fma(a, V.Load(high + k), s4);
                s5 = V.Fma(a, V.Load(high + ldb + k), s5);
                s6 = V.Fma(a, V.Load(high + (2 * ldb) + k), s6);
                s7 = V.Fma(a, V.Load(high + (3 * ldb) + k), s7);
            }

            sums[0] = s0.Sum() + Rest(row, low, k, K);
            sums[1] = s1.Sum() + Rest(row, low + ldb, k, K);
            sums[2] = s2.Sum() + Rest(row, low + (2 * ldb), k, K);
            sums[3] = s3.Sum() + Rest(row, low + (3 * ldb), k, K);
            sums[4] = s4.Sum() + Rest(row, high, k, K);
            sums[5] = s5.Sum() + Rest(row, high + ldb, k, K);
            sums[6] = s6.Sum() + Rest(row, high + (2 * ldb), k, K);
            sums[7] = s7.Sum() + Rest(row, high + (3 * ldb), k, K);
        }
    }

    /// <summary>One row against one line.</summary>
    private readonly struct OneByOne(float* row, float* b, int K, float* sum) : IRowKernel
    {
        public void Run<V>()
            where V : struct, ILanes<V>
        {
            var s = V.Create(0f);
            var k = 0;
            for (; k <= K - 16; k += 16) s = V.Fma(V.Load(row + k), V.Load(b + k), s);
            *sum = s.Sum() + Rest(row, b, k, K);
        }
    }
}
