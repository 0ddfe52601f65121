using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// One to four rows against sixteen lines that are contiguous along K, in the order of the register tiles: one running sum for each result, over K from the
/// start on. Squares of 16 x 16 are turned in registers, so that a weight read from memory goes straight into its products.
/// </summary>
internal static unsafe class TurnedLines
{
    /// <summary>Lines at once.</summary>
    public const int Lines = 16;

    /// <summary>Most rows at once.</summary>
    public const int MaxRows = 4;

    public static bool IsSupported => Avx512F.IsSupported;

    /// <summary>c[i, 0..15] = start + Σ a[i, k] b[0..15, k] for rows i below <paramref name="rows"/>, which is 1, 2 or 4.</summary>
    /// <param name="rows">1, 2 or 4.</param>
    /// <param name="K">Length of the sums.</param>
    /// <param name="a">First row.</param>
    /// <param name="lda">Floats between rows.</param>
    /// <param name="b">First line.</param>
    /// <param name="ldb">Floats between lines.</param>
    /// <param name="c">First result.</param>
    /// <param name="ldc">Floats between rows of results.</param>
    /// <param name="bias">[16] starts, or null; not used when adding.</param>
    /// <param name="add">Whether c holds the starts.</param>
    public static void Run(int rows, int K, float* a, nint lda, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
    {
        var start = bias is null ? Vector512<float>.Zero : Vector512.Load(bias);
        var s0 = add ? Vector512.Load(c) : start;
        var s1 = add && rows > 1 ? Vector512.Load(c + ldc) : start;
        var s2 = add && rows > 2 ? Vector512.Load(c + (2 * ldc)) : start;
        var s3 = add && rows > 3 ? Vector512.Load(c + (3 * ldc)) : start;
        var square = stackalloc float[16 * 16];
        var k = 0;
        for (; k <= K - 16; k += 16)
        {
            Turn(b + k, ldb, square);
            for (var i = 0; i < 16; i++)
            {
                var column = Vector512.Load(square + (16 * i));
                s0 = Fma(a[k + i], column, s0);
                if (rows == 1) continue;
                s1 = Fma(a[lda + k + i], column, s1);
                if (rows == 2) continue;
                s2 = Fma(a[(2 * lda) + k + i], column, s2);
                s3 = Fma(a[(3 * lda) + k + i], column, s3);
            }
        }

        for (; k < K; k++)
        {
            for (var line = 0; line < 16; line++) square[line] = b[(line * ldb) + k];
            var column = Vector512.Load(square);
            s0 = Fma(a[k], column, s0);
            if (rows == 1) continue;
            s1 = Fma(a[lda + k], column, s1);
            if (rows == 2) continue;
            s2 = Fma(a[(2 * lda) + k], column, s2);
            s3 = Fma(a[(3 * lda) + k], column, s3);
        }

        s0.Store(c);
        if (rows > 1) s1.Store(c + ldc);
        if (rows > 2) s2.Store(c + (2 * ldc));
        if (rows > 3) s3.Store(c + (3 * ldc));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Fma(float factor, Vector512<float> column, Vector512<float> sum) =>
        Avx512F.FusedMultiplyAdd(Vector512.Create(factor), column, sum);

    /// <summary>square[k, line] = b[line, k], 16 x 16, by quarters: four lines of four vectors each, then the 128-bit parts are sorted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(float* b, nint ldb, float* square)
    {
        // vector q of line group g holds, in its 128-bit part p, element k = 4p + q of lines 4g .. 4g + 3
        var (a0, a1, a2, a3) = Four(b, ldb);
        var (b0, b1, b2, b3) = Four(b + (4 * ldb), ldb);
        var (c0, c1, c2, c3) = Four(b + (8 * ldb), ldb);
        var (d0, d1, d2, d3) = Four(b + (12 * ldb), ldb);
        Sort(a0, b0, c0, d0, square);
        Sort(a1, b1, c1, d1, square + 16);
        Sort(a2, b2, c2, d2, square + 32);
        Sort(a3, b3, c3, d3, square + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> K0, Vector512<float> K1, Vector512<float> K2, Vector512<float> K3) Four(float* b, nint ldb)
    {
        var (r0, r1, r2, r3) = (Vector512.Load(b), Vector512.Load(b + ldb), Vector512.Load(b + (2 * ldb)), Vector512.Load(b + (3 * ldb)));
        var low01 = Avx512F.UnpackLow(r0, r1).AsDouble();   // 00 10 01 11
        var high01 = Avx512F.UnpackHigh(r0, r1).AsDouble(); // 02 12 03 13
        var low23 = Avx512F.UnpackLow(r2, r3).AsDouble();
        var high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        return (
            Avx512F.UnpackLow(low01, low23).AsSingle(), Avx512F.UnpackHigh(low01, low23).AsSingle(),
            Avx512F.UnpackLow(high01, high23).AsSingle(), Avx512F.UnpackHigh(high01, high23).AsSingle());
    }

    /// <summary>The parts p of four groups become the lines of step 4p.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sort(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* target)
    {
        var ab01 = Avx512F.Shuffle4x128(a, b, 0b01_00_01_00); // a0 a1 b0 b1
        var ab23 = Avx512F.Shuffle4x128(a, b, 0b11_10_11_10);
        var cd01 = Avx512F.Shuffle4x128(c, d, 0b01_00_01_00);
        var cd23 = Avx512F.Shuffle4x128(c, d, 0b11_10_11_10);
        Avx512F.Shuffle4x128(ab01, cd01, 0b10_00_10_00).Store(target);        // a0 b0 c0 d0
        Avx512F.Shuffle4x128(ab01, cd01, 0b11_01_11_01).Store(target + 64);
        Avx512F.Shuffle4x128(ab23, cd23, 0b10_00_10_00).Store(target + 128);
        Avx512F.Shuffle4x128(ab23, cd23, 0b11_01_11_01).Store(target + 192);
    }
}
