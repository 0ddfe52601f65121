using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>-x.</summary>
internal readonly struct NegKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => -x;
}

/// <summary>-1.</summary>
internal readonly struct NegGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => -g;
}

/// <summary>e^x.</summary>
internal readonly struct ExpKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => LaneMath.Exp(x);
}

/// <summary>The result itself.</summary>
internal readonly struct ExpGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g * s;
}

/// <summary>ln x.</summary>
internal readonly struct LogKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => LaneMath.Log(x);
}

/// <summary>1 / x.</summary>
internal readonly struct LogGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g / s;
}

/// <summary>√x.</summary>
internal readonly struct SqrtKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => V.Sqrt(x);
}

/// <summary>1 / 2y, from the result.</summary>
internal readonly struct SqrtGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g * V.Create(0.5f) / s;
}

/// <summary>x².</summary>
internal readonly struct SquareKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => x * x;
}

/// <summary>2x.</summary>
internal readonly struct SquareGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g * (s + s);
}

/// <summary>|x|.</summary>
internal readonly struct AbsKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => V.Abs(x);
}

/// <summary>sign x, 0 at 0.</summary>
internal readonly struct AbsGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => V.Select(V.Equal(s, V.Create(0f)), V.Create(0f), V.Select(V.Less(s, V.Create(0f)), -g, g));
}

/// <summary>max(x, 0).</summary>
internal readonly struct ReluKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => V.Max(x, V.Create(0f));
}

/// <summary>1 where the result is positive.</summary>
internal readonly struct ReluGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => V.Select(V.Less(V.Create(0f), s), g, V.Create(0f));
}

/// <summary>x held within [low, high].</summary>
internal readonly struct ClampKernel(float low, float high) : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => V.Min(V.Max(x, V.Create(low)), V.Create(high));
}

/// <summary>1 inside, the ends included.</summary>
internal readonly struct ClampGradient(float low, float high) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => V.Select(V.Less(s, V.Create(low)), V.Create(0f), V.Select(V.Less(V.Create(high), s), V.Create(0f), g));
}

/// <summary>factor · x.</summary>
internal readonly struct ScaleKernel(float factor) : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => x * V.Create(factor);
}

/// <summary>factor.</summary>
internal readonly struct ScaleGradient(float factor) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g * V.Create(factor);
}

/// <summary>x + term.</summary>
internal readonly struct ShiftKernel(float term) : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => x + V.Create(term);
}
