using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>σ(x) = 1 / (1 + e^-x).</summary>
internal readonly struct SigmoidKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => LaneMath.Sigmoid(x);
}

/// <summary>y (1 - y), from the result.</summary>
internal readonly struct SigmoidGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g * (s * (V.Create(1f) - s));
}

/// <summary>tanh x.</summary>
internal readonly struct TanhKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => LaneMath.Tanh(x);
}

/// <summary>1 - y², from the result.</summary>
internal readonly struct TanhGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g * V.Fma(-s, s, V.Create(1f));
}

/// <summary>x σ(x).</summary>
internal readonly struct SiluKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => x / (V.Create(1f) + LaneMath.Exp(-x));
}

/// <summary>σ (1 + x (1 - σ)).</summary>
internal readonly struct SiluGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V>
    {
        var p = LaneMath.Sigmoid(s);
        return g * (p * V.Fma(s, V.Create(1f) - p, V.Create(1f)));
    }
}

/// <summary>x σ(1.702 x), the approximation of the CLIP models.</summary>
internal readonly struct QuickGeluKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => x / (V.Create(1f) + LaneMath.Exp(V.Create(-1.702f) * x));
}

/// <summary>σ (1 + 1.702 x (1 - σ)).</summary>
internal readonly struct QuickGeluGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V>
    {
        var p = LaneMath.Sigmoid(V.Create(1.702f) * s);
        return g * (p * V.Fma(V.Create(1.702f) * s, V.Create(1f) - p, V.Create(1f)));
    }
}

/// <summary>x Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016).</summary>
internal readonly struct GeluErfKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => V.Create(0.5f) * x * (V.Create(1f) + LaneMath.Erf(x * V.Create(0.707106781f)));
}

/// <summary>Φ + x φ.</summary>
internal readonly struct GeluErfGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V>
    {
        var cdf = V.Create(0.5f) * (V.Create(1f) + LaneMath.Erf(s * V.Create(0.707106781f)));
        var pdf = V.Create(0.398942280f) * LaneMath.Exp(V.Create(-0.5f) * s * s);
        return g * V.Fma(s, pdf, cdf);
    }
}

/// <summary>x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³), as x σ(2u): the same number without the cancellation of 1 + tanh.</summary>
internal readonly struct GeluTanhKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V>
    {
        var minusTwoU = V.Create(-1.59576912f) * V.Fma(V.Create(0.044715f) * x, x * x, x);
        return x / (V.Create(1f) + LaneMath.Exp(minusTwoU));
    }
}

/// <summary>σ + x σ (1 - σ) 2u' with σ = σ(2u).</summary>
internal readonly struct GeluTanhGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V>
    {
        var s2 = s * s;
        var p = V.Create(1f) / (V.Create(1f) + LaneMath.Exp(V.Create(-1.59576912f) * V.Fma(V.Create(0.044715f) * s, s2, s)));
        var slope = V.Create(1.59576912f) * V.Fma(V.Create(0.134145f), s2, V.Create(1f));
        return g * V.Fma(s * p * (V.Create(1f) - p), slope, p);
    }
}

/// <summary>ln(1 + e^x).</summary>
internal readonly struct SoftplusKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => V.Max(x, V.Create(0f)) + LaneMath.Log1p(LaneMath.Exp(-V.Abs(x)));
}

/// <summary>σ(x).</summary>
internal readonly struct SoftplusGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g * LaneMath.Sigmoid(s);
}

/// <summary>ln σ(x).</summary>
internal readonly struct LogSigmoidKernel : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V> => V.Min(x, V.Create(0f)) - LaneMath.Log1p(LaneMath.Exp(-V.Abs(x)));
}

/// <summary>σ(-x).</summary>
internal readonly struct LogSigmoidGradient : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V> => g * LaneMath.Sigmoid(-s);
}

/// <summary>ln(z / (1 - z)), z = x held within [eps, 1 - eps].</summary>
internal readonly struct LogitKernel(float eps) : IUnaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x)
        where V : struct, ILanes<V>
    {
        var z = V.Min(V.Max(x, V.Create(eps)), V.Create(1f - eps));
        return LaneMath.Log(z / (V.Create(1f) - z));
    }
}

/// <summary>1 / (x (1 - x)) inside.</summary>
internal readonly struct LogitGradient(float eps) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V s, V g)
        where V : struct, ILanes<V>
    {
        var slope = V.Create(1f) / (s * (V.Create(1f) - s));
        return V.Select(V.Less(s, V.Create(eps)), V.Create(0f), V.Select(V.Less(V.Create(1f - eps), s), V.Create(0f), g * slope));
    }
}
