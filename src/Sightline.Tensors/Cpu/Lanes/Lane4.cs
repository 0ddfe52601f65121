using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Cpu.Lanes;

/// <summary>Four lanes in a 128-bit register.</summary>
internal readonly unsafe struct Lane4(Vector128<float> value) : ILanes<Lane4>
{
    private readonly Vector128<float> _v = value;

    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Create(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => _v.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 operator +(Lane4 a, Lane4 b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 operator -(Lane4 a, Lane4 b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 operator *(Lane4 a, Lane4 b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 operator /(Lane4 a, Lane4 b) => new(a._v / b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 operator -(Lane4 a) => new(-a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Fma(Lane4 a, Lane4 b, Lane4 c) => new(Vector128.FusedMultiplyAdd(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Min(Lane4 a, Lane4 b) => new(Vector128.Min(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Max(Lane4 a, Lane4 b) => new(Vector128.Max(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 MinNumber(Lane4 a, Lane4 b) => new(Vector128.MinNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 MaxNumber(Lane4 a, Lane4 b) => new(Vector128.MaxNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Abs(Lane4 a) => new(Vector128.Abs(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Sqrt(Lane4 a) => new(Vector128.Sqrt(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Round(Lane4 a) => new(Vector128.Round(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 CopySign(Lane4 a, Lane4 b) => new(Vector128.CopySign(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Less(Lane4 a, Lane4 b) => new(Vector128.LessThan(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Equal(Lane4 a, Lane4 b) => new(Vector128.Equals(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Select(Lane4 mask, Lane4 a, Lane4 b) => new(Vector128.ConditionalSelect(mask._v, a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Horner(Lane4 x, float c0, float c1, float c2, float c3, float c4) => new(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.Create(c0), x._v, Vector128.Create(c1)), x._v, Vector128.Create(c2)), x._v, Vector128.Create(c3)), x._v, Vector128.Create(c4)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Horner(Lane4 x, float c0, float c1, float c2, float c3, float c4, float c5, float c6) => new(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.Create(c0), x._v, Vector128.Create(c1)), x._v, Vector128.Create(c2)), x._v, Vector128.Create(c3)), x._v, Vector128.Create(c4)), x._v, Vector128.Create(c5)), x._v, Vector128.Create(c6)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Horner(Lane4 x, float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7) => new(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.FusedMultiplyAdd(Vector128.Create(c0), x._v, Vector128.Create(c1)), x._v, Vector128.Create(c2)), x._v, Vector128.Create(c3)), x._v, Vector128.Create(c4)), x._v, Vector128.Create(c5)), x._v, Vector128.Create(c6)), x._v, Vector128.Create(c7)));

    /// <summary>
    /// n = round(x / ln 2), r = x - n ln 2 in two parts (Cody and Waite), e^r from a polynomial for (e^r - 1 - r) / r² on [-ln 2 / 2, ln 2 / 2] (error 6.5e-8), then
    /// 2^n in two factors, as n reaches from -151 (denormal results) to 130 (overflow).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Exp(Lane4 value)
    {
        var x = Vector128.MaxNative(Vector128.Create(-104.5f), Vector128.MinNative(Vector128.Create(90f), value._v));
        var n = Vector128.Round(x * Vector128.Create(LaneMath.Log2E));
        var r = Vector128.FusedMultiplyAdd(n, Vector128.Create(-LaneMath.Ln2High), x);
        r = Vector128.FusedMultiplyAdd(n, Vector128.Create(-LaneMath.Ln2Low), r);
        var p = Vector128.FusedMultiplyAdd(Vector128.Create(LaneMath.Exp6), r, Vector128.Create(LaneMath.Exp5));
        p = Vector128.FusedMultiplyAdd(p, r, Vector128.Create(LaneMath.Exp4));
        p = Vector128.FusedMultiplyAdd(p, r, Vector128.Create(LaneMath.Exp3));
        p = Vector128.FusedMultiplyAdd(p, r, Vector128.Create(0.5f));
        var e = Vector128.FusedMultiplyAdd(p * r, r, r) + Vector128.Create(1f);
        var half = Vector128.Round(n * Vector128.Create(0.5f));
        var (magic, one) = (Vector128.Create(12582912f), Vector128.Create(0x3F800000));
        var first = (Vector128.ShiftLeft((half + magic).AsInt32(), 23) + one).AsSingle();
        var second = (Vector128.ShiftLeft((n - half + magic).AsInt32(), 23) + one).AsSingle();
        return new(e * first * second);
    }

    /// <summary>1.5 2^23 + n holds n in its lowest bits, from where it is shifted into the exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Pow2(Lane4 n) =>
        new((Vector128.ShiftLeft((n._v + Vector128.Create(12582912f)).AsInt32(), 23) + Vector128.Create(0x3F800000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Exponent(Lane4 a) =>
        new(Vector128.ConvertToSingle(Vector128.ShiftRightLogical(a._v.AsInt32(), 23) - Vector128.Create(127)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane4 Significand(Lane4 a) =>
        new(((a._v.AsInt32() & Vector128.Create(0x007FFFFF)) | Vector128.Create(0x3F800000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => (_v[0] + _v[2]) + (_v[1] + _v[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Max() => MathF.Max(MathF.Max(_v[0], _v[2]), MathF.Max(_v[1], _v[3]));
}
