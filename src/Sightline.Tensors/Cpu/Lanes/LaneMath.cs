using System.Runtime.CompilerServices;

namespace Sightline.Tensors.Cpu.Lanes;

/// <summary>
/// Elementary functions on lanes, float32 throughout, within about 1.5 units in the last place. Polynomials are Chebyshev fits in
/// 40 digits (mpmath <c>chebyfit</c>) on the reduced ranges named below; range reduction after Cody and Waite.
/// </summary>
internal static class LaneMath
{
    public const float Log2E = 1.44269504f;
    public const float Ln2High = 0.693359375f;         // 9 bits: n * Ln2High is exact for |n| < 2^15
    public const float Ln2Low = -2.12194440e-4f;
    public const float Exp6 = 1.392618359e-3f;          // (e^r - 1 - r) / r², highest power first
    public const float Exp5 = 8.363179053e-3f;
    public const float Exp4 = 4.166655462e-2f;
    public const float Exp3 = 1.666657699e-1f;
    private const float SqrtTwo = 1.41421356f;

    /// <summary>e^x. 0 below -104, +inf above 88.73.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<V>(V x)
        where V : struct, ILanes<V> => V.Exp(x);

    /// <summary>ln x. -inf at 0, NaN below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log<V>(V x)
        where V : struct, ILanes<V>
    {
        var denormal = V.Less(x, V.Create(1.17549435e-38f));
        var scaled = V.Select(denormal, x * V.Create(8388608f), x);
        var e = V.Exponent(scaled) - V.Select(denormal, V.Create(23f), V.Create(0f));
        var m = V.Significand(scaled);
        var large = V.Less(V.Create(SqrtTwo), m);
        m = V.Select(large, m * V.Create(0.5f), m);
        e += V.Select(large, V.Create(1f), V.Create(0f));
        var f = m - V.Create(1f);
        var y = V.Fma(e, V.Create(Ln2Low), LogTail(f));
        y = V.Fma(e, V.Create(Ln2High), f + y);
        y = V.Select(V.Equal(x, V.Create(float.PositiveInfinity)), x, y);
        y = V.Select(V.Equal(x, V.Create(0f)), V.Create(float.NegativeInfinity), y);
        y = V.Select(V.Less(x, V.Create(0f)), V.Create(float.NaN), y);
        return V.Select(V.Equal(x, x), y, x);
    }

    /// <summary>ln(1 + y) for y in [0, 1], without loss for small y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log1p<V>(V y)
        where V : struct, ILanes<V>
    {
        // above sqrt(2) - 1: ln(1 + y) = ln 2 + ln(1 + (y - 1) / 2)
        var large = V.Less(V.Create(SqrtTwo - 1f), y);
        var f = V.Select(large, (y - V.Create(1f)) * V.Create(0.5f), y);
        var tail = LogTail(f) + V.Select(large, V.Create(Ln2Low), V.Create(0f));
        return f + tail + V.Select(large, V.Create(Ln2High), V.Create(0f));
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<V>(V x)
        where V : struct, ILanes<V> => V.Create(1f) / (V.Create(1f) + Exp(-x));

    /// <summary>tanh x; from e^2x, near zero from a polynomial.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<V>(V x)
        where V : struct, ILanes<V>
    {
        var a = V.Abs(x);
        var large = V.Create(1f) - (V.Create(2f) / (Exp(a + a) + V.Create(1f)));
        // (tanh a / a - 1) / a^2 in a^2 on [0, 0.63^2], error 4.7e-8
        var s = a * a;
        var p = V.Horner(s, -6.06214808e-3f, 2.097323439e-2f, -5.384582267e-2f, 1.333273602e-1f, -3.333332861e-1f);
        var small = V.Fma(p * s, a, a);
        return V.CopySign(V.Select(V.Less(a, V.Create(0.625f)), small, large), x);
    }

    /// <summary>The error function.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<V>(V x)
        where V : struct, ILanes<V>
    {
        var a = V.Abs(x);
        // erf(a) / a - 1 in a^2 on [0, 0.9^2], error 3e-10
        var s = a * a;
        var p = V.Horner(s, 8.529401323e-5f, -8.179632181e-4f, 5.204226694e-3f, -2.686066479e-2f, 1.128371805e-1f, -3.761263519e-1f, 1.283791668e-1f);
        var small = V.Fma(p, a, a);
        // -ln(erfc t) / t - 1 on [0.88, 4], error 1.7e-7; beyond 4 erf is 1 to half a unit
        var t = V.MinNumber(V.Create(4f), a);
        var q = V.Horner(t, -9.758169637e-7f, 3.311140632e-5f, -4.891430782e-4f, 4.264229429e-3f, -2.504577034e-2f, 1.077271174e-1f, 6.342421689e-1f, 1.288746055e-1f);
        var large = V.Create(1f) - Exp(-V.Fma(q, t, t));
        return V.CopySign(V.Select(V.Less(a, V.Create(0.9f)), small, large), x);
    }

    /// <summary>ln(1 + f) - f for f in [sqrt(1/2) - 1, sqrt(2) - 1]: -f^2 / 2 + f^3 P(f), error of P 1.8e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V LogTail<V>(V f)
        where V : struct, ILanes<V>
    {
        var p = V.Horner(f, -7.902743772e-2f, 1.262231985e-1f, -1.299818376e-1f, 1.421449592e-1f, -1.664128146e-1f, 2.000104509e-1f, -2.500030642e-1f, 3.333333073e-1f);
        var f2 = f * f;
        return V.Fma(p * f, f2, V.Create(-0.5f) * f2);
    }
}
