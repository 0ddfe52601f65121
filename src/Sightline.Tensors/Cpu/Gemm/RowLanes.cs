using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// <see cref="ThinProduct"/> where the columns of b are contiguous along K, as the weights of a linear layer are: the rows of a are the lanes of a register, and b is read
/// in place, one number for all of them, eight columns side by side. Each sum runs through K in order by fused multiply-add, so the bits are those of <see cref="Gemm"/>;
/// turning b around for its tiles took longer than the product itself.
/// </summary>
internal static unsafe class RowLanes
{
    /// <summary>Rows that fit the widest register.</summary>
    public const int MaxRows = 16;

    private const int Columns = 8; // side by side: as many chains of additions hide their latency
    private const int ColumnsInPiece = 32;
    private const long SerialWork = 1 << 16;

    public static bool Suits(int M, int K, in StridedLines b) =>
        K > 0 && b.Type == DType.Float32 && b.StepStride == 1 && (M <= 8 ? Fma.IsSupported : M <= MaxRows && Vector512.IsHardwareAccelerated);

    /// <summary>c[M, N] = (add ? c : bias) + a[M, K] · b[K, N].</summary>
    public static void Run(int M, int N, int K, in StridedLines a, in StridedLines b, float* c, nint ldc, float* bias, bool add)
    {
        if (M == 0 || N == 0) return;
        var lanes = M <= 8 ? 8 : MaxRows;
        using var left = new FloatBlock((long)lanes * K);
        a.Pack(left.Data, lanes, 0, M, 0, K); // [K, lanes]
        var work = new Work(left.Data, lanes, (float*)b.Data, b.LineStride, M, N, K, c, ldc, bias, add);
        var pieces = CpuEngine.PieceCount(N, ColumnsInPiece);
        if ((long)M * N * K > SerialWork) CpuEngine.Parallel(ref work, pieces);
        else for (var i = 0; i < pieces; i++) work.Run(i);
    }

    private readonly struct Work(float* left, int lanes, float* b, nint stride, int M, int N, int K, float* c, nint ldc, float* bias, bool add) : IPieces
    {
        [SkipLocalsInit]
        public void Run(int piece)
        {
            var sums = stackalloc float[Columns * MaxRows]; // [column][row]
            var end = Math.Min((piece + 1) * ColumnsInPiece, N);
            for (var n = piece * ColumnsInPiece; n < end; n += Columns)
            {
                var count = Math.Min(Columns, end - n);
                for (var j = 0; j < count; j++)
                {
                    for (var i = 0; i < lanes; i++) sums[(j * lanes) + i] = i >= M ? 0 : add ? c[(i * ldc) + n + j] : bias == null ? 0 : bias[n + j];
                }

                var column = b + (n * stride);
                if (count == Columns && lanes == 8) Eight(column, sums);
                else if (count == Columns) Sixteen(column, sums);
                else for (var j = 0; j < count; j++) One(column + (j * stride), sums + (j * lanes));
                for (var i = 0; i < M; i++)
                {
                    for (var j = 0; j < count; j++) c[(i * ldc) + n + j] = sums[(j * lanes) + i];
                }
            }
        }

        private void Eight(float* column, float* sums)
        {
            var (s0, s1, s2, s3) = (Vector256.Load(sums), Vector256.Load(sums + 8), Vector256.Load(sums + 16), Vector256.Load(sums + 24));
            var (s4, s5, s6, s7) = (Vector256.Load(sums + 32), Vector256.Load(sums + 40), Vector256.Load(sums + 48), Vector256.Load(sums + 56));
            var second = column + (4 * stride);
            for (var k = 0; k < K; k++, column++, second++)
            {
                var rows = Vector256.Load(left + ((long)k * 8));
                s0 = Vector256.FusedMultiplyAdd(Vector256.Create(*column), rows, s0);
                s1 = Vector256.FusedMultiplyAdd(Vector256.Create(column[stride]), rows, s1);
                s2 = Vector256.FusedMultiplyAdd(Vector256.Create(column[2 * stride]), rows, s2);
                s3 = Vector256.FusedMultiplyAdd(Vector256.Create(column[3 * stride]), rows, s3);
                s4 = Vector256.FusedMultiplyAdd(Vector256.Create(*second), rows, s4);
                s5 = Vector256.FusedMultiplyAdd(Vector256.Create(second[stride]), rows, s5);
                s6 = Vector256.FusedMultiplyAdd(Vector256.Create(second[2 * stride]), rows, s6);
                s7 = Vector256.FusedMultiplyAdd(Vector256.Create(second[3 * stride]), rows, s7);
            }

            s0.Store(sums);
            s1.Store(sums + 8);
            s2.Store(sums + 16);
            s3.Store(sums + 24);
            s4.Store(sums + 32);
            s5.Store(sums + 40);
            s6.Store(sums + 48);
            s7.Store(sums + 56);
        }

        private void Sixteen(float* column, float* sums)
        {
            var (s0, s1, s2, s3) = (Vector512.Load(sums), Vector512.Load(sums + 16), Vector512.Load(sums + 32), Vector512.Load(sums + 48));
            var (s4, s5, s6, s7) = (Vector512.Load(sums + 64), Vector512.Load(sums + 80), Vector512.Load(sums + 96), Vector512.Load(sums + 112));
            var second = column + (4 * stride);
            for (var k = 0; k < K; k++, column++, second++)
            {
                var rows = Vector512.Load(left + ((long)k * 16));
                s0 = Vector512.FusedMultiplyAdd(Vector512.Create(*column), rows, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Create(column[stride]), rows, s1);
                s2 = Vector512.FusedMultiplyAdd(Vector512.Create(column[2 * stride]), rows, s2);
                s3 = Vector512.FusedMultiplyAdd(Vector512.Create(column[3 * stride]), rows, s3);
                s4 = Vector512.FusedMultiplyAdd(Vector512.Create(*second), rows, s4);
                s5 = Vector512.FusedMultiplyAdd(Vector512.Create(second[stride]), rows, s5);
                s6 = Vector512.FusedMultiplyAdd(Vector512.Create(second[2 * stride]), rows, s6);
                s7 = Vector512.FusedMultiplyAdd(Vector512.Create(second[3 * stride]), rows, s7);
            }

            s0.Store(sums);
            s1.Store(sums + 16);
            s2.Store(sums + 32);
            s3.Store(sums + 48);
            s4.Store(sums + 64);
            s5.Store(sums + 80);
            s6.Store(sums + 96);
            s7.Store(sums + 112);
        }

        private void One(float* column, float* sums)
        {
            for (var part = 0; part < lanes; part += 8)
            {
                var sum = Vector256.Load(sums + part);
                for (var k = 0; k < K; k++) sum = Vector256.FusedMultiplyAdd(Vector256.Create(column[k]), Vector256.Load(left + ((long)k * lanes) + part), sum);
                sum.Store(sums + part);
            }
        }
    }
}
