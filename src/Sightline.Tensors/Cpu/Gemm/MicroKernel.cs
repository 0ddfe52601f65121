namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// The register tiles of the matrix product: c[R, W] = start + a[K, R]ᵀ · b[K, W], the sum over K running forward, one
/// fused multiply-add a step. Heights 14, 8 and 4 fit the 32 vector registers of AVX-512 (14 rows of two vectors are 28
/// accumulators, 2 vectors of b, 1 of a), 6 and 2 the 16 of AVX2. Unrolled by hand because accumulators in an array would
/// live in memory.
/// </summary>
internal static unsafe class MicroKernel
{
    /// <summary>14 rows. See <see cref="GemmTile.Run"/> for the arguments.</summary>
    public static void Rows14<T>(int K, float* a, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
        where T : struct, ITileRow<T>
    {
        T r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13;
        if (add)
        {
            r0 = T.Load(c);
            r1 = T.Load(c + ldc);
            r2 = T.Load(c + (2 * ldc));
            r3 = T.Load(c + (3 * ldc));
            r4 = T.Load(c + (4 * ldc));
            r5 = T.Load(c + (5 * ldc));
            r6 = T.Load(c + (6 * ldc));
            r7 = T.Load(c + (7 * ldc));
            r8 = T.Load(c + (8 * ldc));
            r9 = T.Load(c + (9 * ldc));
            r10 = T.Load(c + (10 * ldc));
            r11 = T.Load(c + (11 * ldc));
            r12 = T.Load(c + (12 * ldc));
            r13 = T.Load(c + (13 * ldc));
        }
        else
        {
            r0 = bias is null ? T.Zero : T.Load(bias);
            r13 = r12 = r11 = r10 = r9 = r8 = r7 = r6 = r5 = r4 = r3 = r2 = r1 = r0;
        }

        for (; K > 0; K--, a += 14, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd(a, row, r0);
            r1 = T.MultiplyAdd(a + 1, row, r1);
            r2 = T.MultiplyAdd(a + 2, row, r2);
            r3 = T.MultiplyAdd(a + 3, row, r3);
            r4 = T.MultiplyAdd(a + 4, row, r4);
            r5 = T.MultiplyAdd(a + 5, row, r5);
            r6 = T.MultiplyAdd(a + 6, row, r6);
            r7 = T.MultiplyAdd(a + 7, row, r7);
            r8 = T.MultiplyAdd(a + 8, row, r8);
            r9 = T.MultiplyAdd(a + 9, row, r9);
            r10 = T.MultiplyAdd(a + 10, row, r10);
            r11 = T.MultiplyAdd(a + 11, row, r11);
            r12 = T.MultiplyAdd(a + 12, row, r12);
            r13 = T.MultiplyAdd(a + 13, row, r13);
        }

        r0.Store(c);
        r1.Store(c + ldc);
        r2.Store(c + (2 * ldc));
        r3.Store(c + (3 * ldc));
        r4.Store(c + (4 * ldc));
        r5.Store(c + (5 * ldc));
        r6.Store(c + (6 * ldc));
        r7.Store(c + (7 * ldc));
        r8.Store(c + (8 * ldc));
        r9.Store(c + (9 * ldc));
        r10.Store(c + (10 * ldc));
        r11.Store(c + (11 * ldc));
        r12.Store(c + (12 * ldc));
        r13.Store(c + (13 * ldc));
    }

    /// <summary>8 rows. See <see cref="GemmTile.Run"/> for the arguments.</summary>
    public static void Rows8<T>(int K, float* a, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
        where T : struct, ITileRow<T>
    {
        T r0, r1, r2, r3, r4, r5, r6, r7;
        if (add)
        {
            r0 = T.Load(c);
            r1 = T.Load(c + ldc);
            r2 = T.Load(c + (2 * ldc));
            r3 = T.Load(c + (3 * ldc));
            r4 = T.Load(c + (4 * ldc));
            r5 = T.Load(c + (5 * ldc));
            r6 = T.Load(c + (6 * ldc));
            r7 = T.Load(c + (7 * ldc));
        }
        else
        {
            r0 = bias is null ? T.Zero : T.Load(bias);
            r7 = r6 = r5 = r4 = r3 = r2 = r1 = r0;
        }

        for (; K > 0; K--, a += 8, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd(a, row, r0);
            r1 = T.MultiplyAdd(a + 1, row, r1);
            r2 = T.MultiplyAdd(a + 2, row, r2);
            r3 = T.MultiplyAdd(a + 3, row, r3);
            r4 = T.MultiplyAdd(a + 4, row, r4);
            r5 = T.MultiplyAdd(a + 5, row, r5);
            r6 = T.MultiplyAdd(a + 6, row, r6);
            r7 = T.MultiplyAdd(a + 7, row, r7);
        }

        r0.Store(c);
        r1.Store(c + ldc);
        r2.Store(c + (2 * ldc));
        r3.Store(c + (3 * ldc));
        r4.Store(c + (4 * ldc));
        r5.Store(c + (5 * ldc));
        r6.Store(c + (6 * ldc));
        r7.Store(c + (7 * ldc));
    }

    /// <summary>6 rows. See <see cref="GemmTile.Run"/> for the arguments.</summary>
    public static void Rows6<T>(int K, float* a, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
        where T : struct, ITileRow<T>
    {
        T r0, r1, r2, r3, r4, r5;
        if (add)
        {
            r0 = T.Load(c);
            r1 = T.Load(c + ldc);
            r2 = T.Load(c + (2 * ldc));
            r3 = T.Load(c + (3 * ldc));
            r4 = T.Load(c + (4 * ldc));
            r5 = T.Load(c + (5 * ldc));
        }
        else
        {
            r0 = bias is null ? T.Zero : T.Load(bias);
            r5 = r4 = r3 = r2 = r1 = r0;
        }

        for (; K > 0; K--, a += 6, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd(a, row, r0);
            r1 = T.MultiplyAdd(a + 1, row, r1);
            r2 = T.MultiplyAdd(a + 2, row, r2);
            r3 = T.MultiplyAdd(a + 3, row, r3);
            r4 = T.MultiplyAdd(a + 4, row, r4);
            r5 = T.MultiplyAdd(a + 5, row, r5);
        }

        r0.Store(c);
        r1.Store(c + ldc);
        r2.Store(c + (2 * ldc));
        r3.Store(c + (3 * ldc));
        r4.Store(c + (4 * ldc));
        r5.Store(c + (5 * ldc));
    }

    /// <summary>4 rows. See <see cref="GemmTile.Run"/> for the arguments.</summary>
    public static void Rows4<T>(int K, float* a, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
        where T : struct, ITileRow<T>
    {
        T r0, r1, r2, r3;
        if (add)
        {
            r0 = T.Load(c);
            r1 = T.Load(c + ldc);
            r2 = T.Load(c + (2 * ldc));
            r3 = T.Load(c + (3 * ldc));
        }
        else
        {
            r0 = bias is null ? T.Zero : T.Load(bias);
            r3 = r2 = r1 = r0;
        }

        for (; K > 0; K--, a += 4, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd(a, row, r0);
            r1 = T.MultiplyAdd(a + 1, row, r1);
            r2 = T.MultiplyAdd(a + 2, row, r2);
            r3 = T.MultiplyAdd(a + 3, row, r3);
        }

        r0.Store(c);
        r1.Store(c + ldc);
        r2.Store(c + (2 * ldc));
        r3.Store(c + (3 * ldc));
    }

    /// <summary>2 rows. See <see cref="GemmTile.Run"/> for the arguments.</summary>
    public static void Rows2<T>(int K, float* a, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
        where T : struct, ITileRow<T>
    {
        T r0, r1;
        if (add)
        {
            r0 = T.Load(c);
            r1 = T.Load(c + ldc);
        }
        else
        {
            r0 = bias is null ? T.Zero : T.Load(bias);
            r1 = r0;
        }

        for (; K > 0; K--, a += 2, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd(a, row, r0);
            r1 = T.MultiplyAdd(a + 1, row, r1);
        }

        r0.Store(c);
        r1.Store(c + ldc);
    }
}
