namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// The register tiles of the matrix product: c[R, W] = start + a[R, K] · b[K, W], the sum over K running forward, one
/// fused multiply-add a step. Heights 14, 8 and 4 fit the 32 vector registers of AVX-512 (14 rows of two vectors are 28
/// accumulators, 2 vectors of b, 1 of a), 6 and 2 the 16 of AVX2. Unrolled by hand because accumulators in an array would
/// live in memory. Lines of a are reached from every third one: base + 0, 1 and 2 times the stride are addresses that the processor
/// forms by itself, and fourteen pointers would not fit its registers.
/// </summary>
internal static unsafe class MicroKernel
{
    /// <summary>14 rows. See <see cref="GemmTile.Run"/> for the arguments.</summary>
    public static void Rows14<T>(int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
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

        var line = left.LineStride * sizeof(float);
        var step = left.StepStride * sizeof(float);
        var a0 = (byte*)left.Data;
        var a3 = a0 + (3 * line);
        var a6 = a3 + (3 * line);
        var a9 = a6 + (3 * line);
        var a12 = a9 + (3 * line);
        for (; K > 0; K--, a0 += step, a3 += step, a6 += step, a9 += step, a12 += step, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd((float*)a0, row, r0);
            r1 = T.MultiplyAdd((float*)(a0 + line), row, r1);
            r2 = T.MultiplyAdd((float*)(a0 + (2 * line)), row, r2);
            r3 = T.MultiplyAdd((float*)a3, row, r3);
            r4 = T.MultiplyAdd((float*)(a3 + line), row, r4);
            r5 = T.MultiplyAdd((float*)(a3 + (2 * line)), row, r5);
            r6 = T.MultiplyAdd((float*)a6, row, r6);
            r7 = T.MultiplyAdd((float*)(a6 + line), row, r7);
            r8 = T.MultiplyAdd((float*)(a6 + (2 * line)), row, r8);
            r9 = T.MultiplyAdd((float*)a9, row, r9);
            r10 = T.MultiplyAdd((float*)(a9 + line), row, r10);
            r11 = T.MultiplyAdd((float*)(a9 + (2 * line)), row, r11);
            r12 = T.MultiplyAdd((float*)a12, row, r12);
            r13 = T.MultiplyAdd((float*)(a12 + line), row, r13);
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
    public static void Rows8<T>(int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
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

        var line = left.LineStride * sizeof(float);
        var step = left.StepStride * sizeof(float);
        var a0 = (byte*)left.Data;
        var a3 = a0 + (3 * line);
        var a6 = a3 + (3 * line);
        for (; K > 0; K--, a0 += step, a3 += step, a6 += step, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd((float*)a0, row, r0);
            r1 = T.MultiplyAdd((float*)(a0 + line), row, r1);
            r2 = T.MultiplyAdd((float*)(a0 + (2 * line)), row, r2);
            r3 = T.MultiplyAdd((float*)a3, row, r3);
            r4 = T.MultiplyAdd((float*)(a3 + line), row, r4);
            r5 = T.MultiplyAdd((float*)(a3 + (2 * line)), row, r5);
            r6 = T.MultiplyAdd((float*)a6, row, r6);
            r7 = T.MultiplyAdd((float*)(a6 + line), row, r7);
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
    public static void Rows6<T>(int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
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

        var line = left.LineStride * sizeof(float);
        var step = left.StepStride * sizeof(float);
        var a0 = (byte*)left.Data;
        var a3 = a0 + (3 * line);
        for (; K > 0; K--, a0 += step, a3 += step, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd((float*)a0, row, r0);
            r1 = T.MultiplyAdd((float*)(a0 + line), row, r1);
            r2 = T.MultiplyAdd((float*)(a0 + (2 * line)), row, r2);
            r3 = T.MultiplyAdd((float*)a3, row, r3);
            r4 = T.MultiplyAdd((float*)(a3 + line), row, r4);
            r5 = T.MultiplyAdd((float*)(a3 + (2 * line)), row, r5);
        }

        r0.Store(c);
        r1.Store(c + ldc);
        r2.Store(c + (2 * ldc));
        r3.Store(c + (3 * ldc));
        r4.Store(c + (4 * ldc));
        r5.Store(c + (5 * ldc));
    }

    /// <summary>4 rows. See <see cref="GemmTile.Run"/> for the arguments.</summary>
    public static void Rows4<T>(int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
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

        var line = left.LineStride * sizeof(float);
        var step = left.StepStride * sizeof(float);
        var a0 = (byte*)left.Data;
        var a3 = a0 + (3 * line);
        for (; K > 0; K--, a0 += step, a3 += step, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd((float*)a0, row, r0);
            r1 = T.MultiplyAdd((float*)(a0 + line), row, r1);
            r2 = T.MultiplyAdd((float*)(a0 + (2 * line)), row, r2);
            r3 = T.MultiplyAdd((float*)a3, row, r3);
        }

        r0.Store(c);
        r1.Store(c + ldc);
        r2.Store(c + (2 * ldc));
        r3.Store(c + (3 * ldc));
    }

    /// <summary>2 rows. See <see cref="GemmTile.Run"/> for the arguments.</summary>
    public static void Rows2<T>(int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
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

        var line = left.LineStride * sizeof(float);
        var step = left.StepStride * sizeof(float);
        var a0 = (byte*)left.Data;
        for (; K > 0; K--, a0 += step, b += ldb)
        {
            var row = T.Load(b);
            r0 = T.MultiplyAdd((float*)a0, row, r0);
            r1 = T.MultiplyAdd((float*)(a0 + line), row, r1);
        }

        r0.Store(c);
        r1.Store(c + ldc);
    }
}
