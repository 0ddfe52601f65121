using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>A reduction of a row to numbers; compiled for the sixteen lanes that the processor offers.</summary>
internal interface IRowKernel
{
    /// <typeparam name="V">Always sixteen lanes.</typeparam>
    void Run<V>()
        where V : struct, ILanes<V>;
}

/// <summary>
/// Reductions over a row. Always sixteen lanes with a fixed number of accumulators, whatever the width of the registers: the order of
/// addition, and with it the last bit, does not depend on the machine.
/// </summary>
internal static unsafe class Reductions
{
    /// <summary>Runs a kernel with sixteen lanes made of the widest registers there are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Dispatch<K>(ref K kernel)
        where K : struct, IRowKernel
    {
        if (Vector512.IsHardwareAccelerated) kernel.Run<Lane16>();
        else if (Vector256.IsHardwareAccelerated) kernel.Run<Twice<Lane8>>();
        else if (Vector128.IsHardwareAccelerated) kernel.Run<Twice<Twice<Lane4>>>();
        else kernel.Run<Twice<Twice<Twice<Twice<Lane1>>>>>();
    }

    /// <summary>Σ x, float32, four accumulators of sixteen lanes.</summary>
    public static float Sum(float* x, int count)
    {
        var kernel = new SumRow(x, null, count);
        Dispatch(ref kernel);
        return kernel.Result;
    }

    /// <summary>Σ a b, float32 with fused multiply-add, four accumulators of sixteen lanes.</summary>
    public static float Dot(float* a, float* b, int count)
    {
        var kernel = new SumRow(a, b, count);
        Dispatch(ref kernel);
        return kernel.Result;
    }

    /// <summary>Largest element; -inf for an empty row; a NaN wins.</summary>
    public static float Max(float* x, int count)
    {
        var kernel = new MaxRow(x, count);
        Dispatch(ref kernel);
        return kernel.Result;
    }

    /// <summary>Loads fewer than <c>V.Count</c> elements; the other lanes get <paramref name="fill"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LoadTail<V>(float* x, int count, float fill)
        where V : struct, ILanes<V>
    {
        // rows of 24 channels (the first layer of a convolutional stem) end in half a register: no detour over memory for them
        if (typeof(V) == typeof(Lane16) && count == 8)
            return Unsafe.BitCast<Vector512<float>, V>(Vector512.Create(Vector256.Load(x), Vector256.Create(fill)));
        return LoadOddTail<V>(x, count, fill);
    }

    [SkipLocalsInit]
    private static V LoadOddTail<V>(float* x, int count, float fill)
        where V : struct, ILanes<V>
    {
        var buffer = stackalloc float[16];
        for (var i = 0; i < 16; i++) buffer[i] = i < count ? x[i] : fill;
        return V.Load(buffer);
    }

    private struct SumRow(float* a, float* b, int count) : IRowKernel
    {
        public float Result;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>()
            where V : struct, ILanes<V>
        {
            var (s0, s1, s2, s3) = (V.Create(0f), V.Create(0f), V.Create(0f), V.Create(0f));
            var i = 0;
            if (b == null)
            {
                for (; i <= count - 64; i += 64)
                {
                    s0 += V.Load(a + i);
                    s1 += V.Load(a + i + 16);
                    s2 += V.Load(a + i + 32);
                    s3 += V.Load(a + i + 48);
                }

                for (; i <= count - 16; i += 16) s0 += V.Load(a + i);
                if (i < count) s1 += LoadTail<V>(a + i, count - i, 0f);
            }
            else
            {
                for (; i <= count - 64; i += 64)
                {
                    s0 = V.Fma(V.Load(a + i), V.Load(b + i), s0);
                    s1 = V.Fma(V.Load(a + i + 16), V.Load(b + i + 16), s1);
                    s2 = V.Fma(V.Load(a + i + 32), V.Load(b + i + 32), s2);
                    s3 = V.Fma(V.Load(a + i + 48), V.Load(b + i + 48), s3);
                }

                for (; i <= count - 16; i += 16) s0 = V.Fma(V.Load(a + i), V.Load(b + i), s0);
                if (i < count) s1 = V.Fma(LoadTail<V>(a + i, count - i, 0f), LoadTail<V>(b + i, count - i, 0f), s1);
            }

            Result = ((s0 + s2) + (s1 + s3)).Sum();
        }
    }

    private struct MaxRow(float* x, int count) : IRowKernel
    {
        public float Result;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>()
            where V : struct, ILanes<V>
        {
            var m = V.Create(float.NegativeInfinity);
            var i = 0;
            for (; i <= count - 16; i += 16) m = V.Max(m, V.Load(x + i));
            if (i < count) m = V.Max(m, LoadTail<V>(x + i, count - i, float.NegativeInfinity));
            Result = m.Max();
        }
    }
}
