using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Cpu.Lanes;

/// <summary>Eight lanes in a 256-bit register.</summary>
internal readonly unsafe struct Lane8(Vector256<float> value) : ILanes<Lane8>
{
    private readonly Vector256<float> _v = value;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Create(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => _v.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 operator +(Lane8 a, Lane8 b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 operator -(Lane8 a, Lane8 b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 operator *(Lane8 a, Lane8 b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 operator /(Lane8 a, Lane8 b) => new(a._v / b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 operator -(Lane8 a) => new(-a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Fma(Lane8 a, Lane8 b, Lane8 c) => new(Vector256.FusedMultiplyAdd(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Min(Lane8 a, Lane8 b) => new(Vector256.Min(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Max(Lane8 a, Lane8 b) => new(Vector256.Max(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 MinNumber(Lane8 a, Lane8 b) => new(Vector256.MinNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 MaxNumber(Lane8 a, Lane8 b) => new(Vector256.MaxNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Abs(Lane8 a) => new(Vector256.Abs(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Sqrt(Lane8 a) => new(Vector256.Sqrt(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Round(Lane8 a) => new(Vector256.Round(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 CopySign(Lane8 a, Lane8 b) => new(Vector256.CopySign(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Less(Lane8 a, Lane8 b) => new(Vector256.LessThan(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Equal(Lane8 a, Lane8 b) => new(Vector256.Equals(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Select(Lane8 mask, Lane8 a, Lane8 b) => new(Vector256.ConditionalSelect(mask._v, a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Horner(Lane8 x, float c0, float c1, float c2, float c3, float c4) => new(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.Create(c0), x._v, Vector256.Create(c1)), x._v, Vector256.Create(c2)), x._v, Vector256.Create(c3)), x._v, Vector256.Create(c4)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Horner(Lane8 x, float c0, float c1, float c2, float c3, float c4, float c5, float c6) => new(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.Create(c0), x._v, Vector256.Create(c1)), x._v, Vector256.Create(c2)), x._v, Vector256.Create(c3)), x._v, Vector256.Create(c4)), x._v, Vector256.Create(c5)), x._v, Vector256.Create(c6)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Horner(Lane8 x, float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7) => new(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.FusedMultiplyAdd(Vector256.Create(c0), x._v, Vector256.Create(c1)), x._v, Vector256.Create(c2)), x._v, Vector256.Create(c3)), x._v, Vector256.Create(c4)), x._v, Vector256.Create(c5)), x._v, Vector256.Create(c6)), x._v, Vector256.Create(c7)));

    /// <summary>
    /// n = round(x / ln 2), r = x - n ln 2 in two parts (Cody and Waite), e^r from a polynomial for (e^r - 1 - r) / r² on [-ln 2 / 2, ln 2 / 2] (error 6.5e-8), then
    /// 2^n in two factors, as n reaches from -151 (denormal results) to 130 (overflow).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Exp(Lane8 value)
    {
        var x = Vector256.MaxNative(Vector256.Create(-104.5f), Vector256.MinNative(Vector256.Create(90f), value._v));
        var n = Vector256.Round(x * Vector256.Create(LaneMath.Log2E));
        var r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-LaneMath.Ln2High), x);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-LaneMath.Ln2Low), r);
        var p = Vector256.FusedMultiplyAdd(Vector256.Create(LaneMath.Exp6), r, Vector256.Create(LaneMath.Exp5));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(LaneMath.Exp4));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(LaneMath.Exp3));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(0.5f));
        var e = Vector256.FusedMultiplyAdd(p * r, r, r) + Vector256.Create(1f);
        var half = Vector256.Round(n * Vector256.Create(0.5f));
        var (magic, one) = (Vector256.Create(12582912f), Vector256.Create(0x3F800000));
        var first = (Vector256.ShiftLeft((half + magic).AsInt32(), 23) + one).AsSingle();
        var second = (Vector256.ShiftLeft((n - half + magic).AsInt32(), 23) + one).AsSingle();
        return new(e * first * second);
    }

    /// <summary>1.5 2^23 + n holds n in its lowest bits, from where it is shifted into the exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Pow2(Lane8 n) =>
        new((Vector256.ShiftLeft((n._v + Vector256.Create(12582912f)).AsInt32(), 23) + Vector256.Create(0x3F800000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Exponent(Lane8 a) =>
        new(Vector256.ConvertToSingle(Vector256.ShiftRightLogical(a._v.AsInt32(), 23) - Vector256.Create(127)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane8 Significand(Lane8 a) =>
        new(((a._v.AsInt32() & Vector256.Create(0x007FFFFF)) | Vector256.Create(0x3F800000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => new Lane4(_v.GetLower() + _v.GetUpper()).Sum();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Max() => new Lane4(Vector128.Max(_v.GetLower(), _v.GetUpper())).Max();
}
