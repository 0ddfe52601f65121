using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>y = f(x), lane by lane.</summary>
internal interface IUnaryKernel
{
    V Invoke<V>(V x)
        where V : struct, ILanes<V>;
}

/// <summary>y = f(a, b), lane by lane.</summary>
internal interface IBinaryKernel
{
    V Invoke<V>(V a, V b)
        where V : struct, ILanes<V>;
}

/// <summary>
/// The one traversal of elementwise kernels: widest lanes first, each narrower width takes up what is left. The loops are compiled once and fully: the
/// first, unoptimised tier would run a training step a hundred times slower for its first seconds.
/// </summary>
internal static unsafe class Elementwise
{
    [SkipLocalsInit]
    public static void Map<K>(float* x, float* y, int count, K kernel)
        where K : struct, IUnaryKernel
    {
        var i = 0;
        if (Vector512.IsHardwareAccelerated) i = Map<K, Lane16>(x, y, i, count, kernel);
        if (Vector256.IsHardwareAccelerated) i = Map<K, Lane8>(x, y, i, count, kernel);
        if (Vector128.IsHardwareAccelerated) i = Map<K, Lane4>(x, y, i, count, kernel);
        Map<K, Lane1>(x, y, i, count, kernel);
    }

    public static void Map<K>(float* a, float* b, float* y, int count, K kernel)
        where K : struct, IBinaryKernel
    {
        var i = 0;
        if (Vector512.IsHardwareAccelerated) i = Map<K, Lane16>(a, b, y, i, count, kernel);
        if (Vector256.IsHardwareAccelerated) i = Map<K, Lane8>(a, b, y, i, count, kernel);
        if (Vector128.IsHardwareAccelerated) i = Map<K, Lane4>(a, b, y, i, count, kernel);
        Map<K, Lane1>(a, b, y, i, count, kernel);
    }

    /// <summary>Lanes of one width from element <paramref name="i"/> on; returns the first element not done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int Map<K, V>(float* x, float* y, int i, int count, K kernel)
        where K : struct, IUnaryKernel
        where V : struct, ILanes<V>
    {
        for (; i <= count - V.Count; i += V.Count) kernel.Invoke(V.Load(x + i)).Store(y + i);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int Map<K, V>(float* a, float* b, float* y, int i, int count, K kernel)
        where K : struct, IBinaryKernel
        where V : struct, ILanes<V>
    {
        for (; i <= count - V.Count; i += V.Count) kernel.Invoke(V.Load(a + i), V.Load(b + i)).Store(y + i);
        return i;
    }
}

/// <summary>A binary kernel with its right side fixed.</summary>
internal readonly struct WithRight<K>(K kernel, float b) : IUnaryKernel
    where K : struct, IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => kernel.Invoke(x, V.Create(b));
}

/// <summary>A binary kernel with its left side fixed.</summary>
internal readonly struct WithLeft<K>(K kernel, float a) : IUnaryKernel
    where K : struct, IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => kernel.Invoke(V.Create(a), x);
}
