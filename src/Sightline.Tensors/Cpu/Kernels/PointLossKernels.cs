using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>Terms that the classification losses share.</summary>
internal static class PointLossMath
{
    /// <summary>max(x, 0) - x t + ln(1 + e^-|x|).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Bce<V>(V x, V t)
        where V : struct, ILanes<V> => V.Max(x, V.Create(0f)) - (x * t) + LaneMath.Log1p(LaneMath.Exp(-V.Abs(x)));

    /// <summary>1 - p_t = p (1 - t) + (1 - p) t.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Miss<V>(V p, V t)
        where V : struct, ILanes<V> => V.Fma(p, V.Create(1f) - t, (V.Create(1f) - p) * t);

    /// <summary>α t + (1 - α)(1 - t), or 1 for a negative α.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Alpha<V>(V t, float alpha)
        where V : struct, ILanes<V> => alpha < 0 ? V.Create(1f) : V.Fma(V.Create(alpha), t, V.Create(1f - alpha) * (V.Create(1f) - t));

    /// <summary>q^γ for q ≥ 0; the usual exponents without logarithm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Power<V>(V q, float gamma)
        where V : struct, ILanes<V> =>
        gamma == 2f ? q * q : gamma == 1f ? q : gamma == 0f ? V.Create(1f) : AnyPower(q, gamma);

    /// <summary>γ q^(γ-1); 0 at q = 0 for γ other than 1, where the factor beside it vanishes too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V PowerSlope<V>(V q, float gamma)
        where V : struct, ILanes<V> =>
        gamma == 2f ? q + q
        : gamma == 1f ? V.Create(1f)
        : gamma == 0f ? V.Create(0f)
        : V.Select(V.Less(V.Create(0f), q), V.Create(gamma) * AnyPower(q, gamma - 1f), V.Create(0f));

    /// <summary>Kept out of line: an unusual exponent must not make the usual ones' loops too long to inline.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V AnyPower<V>(V q, float exponent)
        where V : struct, ILanes<V> => LaneMath.Exp(V.Create(exponent) * LaneMath.Log(q));
}

/// <summary>max(x, 0) - x t + ln(1 + e^-|x|).</summary>
internal readonly struct BceKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V> => PointLossMath.Bce(x, t);
}

/// <summary>σ(x) - t.</summary>
internal readonly struct BceSlope : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V> => LaneMath.Sigmoid(x) - t;
}

/// <summary>α_t q^γ BCE with q = 1 - p_t.</summary>
internal readonly struct FocalKernel(float alpha, float gamma) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var p = LaneMath.Sigmoid(x);
        var q = PointLossMath.Miss(p, t);
        return PointLossMath.Alpha(t, alpha) * PointLossMath.Bce(x, t) * PointLossMath.Power(q, gamma);
    }
}

/// <summary>α_t ((p - t) q^γ + BCE γ q^(γ-1) p (1 - p) (1 - 2t)).</summary>
internal readonly struct FocalSlope(float alpha, float gamma) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var p = LaneMath.Sigmoid(x);
        var q = PointLossMath.Miss(p, t);
        var modulation = PointLossMath.PowerSlope(q, gamma) * p * (V.Create(1f) - p) * (V.Create(1f) - (t + t));
        return PointLossMath.Alpha(t, alpha) * V.Fma(p - t, PointLossMath.Power(q, gamma), PointLossMath.Bce(x, t) * modulation);
    }
}

/// <summary>|p - t|^β BCE.</summary>
internal readonly struct QualityFocalKernel(float beta) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V> => PointLossMath.Bce(x, t) * PointLossMath.Power(V.Abs(LaneMath.Sigmoid(x) - t), beta);
}

/// <summary>(p - t) |p - t|^β + BCE β |p - t|^(β-1) sign(p - t) p (1 - p).</summary>
internal readonly struct QualityFocalSlope(float beta) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var p = LaneMath.Sigmoid(x);
        var d = p - t;
        var q = V.Abs(d);
        var modulation = V.CopySign(PointLossMath.PowerSlope(q, beta), d) * p * (V.Create(1f) - p);
        return V.Fma(d, PointLossMath.Power(q, beta), PointLossMath.Bce(x, t) * modulation);
    }
}

/// <summary>t BCE where t &gt; 0, else α p^γ BCE.</summary>
internal readonly struct VarifocalKernel(float alpha, float gamma) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var other = V.Create(alpha) * PointLossMath.Power(LaneMath.Sigmoid(x), gamma);
        return PointLossMath.Bce(x, t) * V.Select(V.Less(V.Create(0f), t), t, other);
    }
}

/// <summary>t (p - t) where t &gt; 0, else α ((p - t) p^γ + BCE γ p^(γ-1) p (1 - p)).</summary>
internal readonly struct VarifocalSlope(float alpha, float gamma) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var p = LaneMath.Sigmoid(x);
        var modulation = PointLossMath.PowerSlope(p, gamma) * p * (V.Create(1f) - p);
        var other = V.Create(alpha) * V.Fma(p - t, PointLossMath.Power(p, gamma), PointLossMath.Bce(x, t) * modulation);
        return V.Select(V.Less(V.Create(0f), t), t * (p - t), other);
    }
}

/// <summary>|x - t|.</summary>
internal readonly struct L1Kernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V> => V.Abs(x - t);
}

/// <summary>sign(x - t), 0 at 0.</summary>
internal readonly struct L1Slope : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var d = x - t;
        return V.Select(V.Equal(d, V.Create(0f)), V.Create(0f), V.CopySign(V.Create(1f), d));
    }
}

/// <summary>d² / 2β inside β, else |d| - β / 2.</summary>
internal readonly struct SmoothL1Kernel(float beta) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var d = V.Abs(x - t);
        return V.Select(V.Less(d, V.Create(beta)), V.Create(0.5f) * d * d / V.Create(beta), d - V.Create(0.5f * beta));
    }
}

/// <summary>d / β inside β, else sign d.</summary>
internal readonly struct SmoothL1Slope(float beta) : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var d = x - t;
        return V.Select(V.Less(V.Abs(d), V.Create(beta)), d / V.Create(beta), V.Select(V.Equal(d, V.Create(0f)), V.Create(0f), V.CopySign(V.Create(1f), d)));
    }
}

/// <summary>(x - t)².</summary>
internal readonly struct SquaredErrorKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var d = x - t;
        return d * d;
    }
}

/// <summary>2 (x - t).</summary>
internal readonly struct SquaredErrorSlope : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V x, V t)
        where V : struct, ILanes<V>
    {
        var d = x - t;
        return d + d;
    }
}
