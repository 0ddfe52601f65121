using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Cpu.Lanes;

/// <summary>Sixteen lanes in a 512-bit register.</summary>
internal readonly unsafe struct Lane16(Vector512<float> value) : ILanes<Lane16>
{
    private readonly Vector512<float> _v = value;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => _v.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 operator +(Lane16 a, Lane16 b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 operator -(Lane16 a, Lane16 b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 operator *(Lane16 a, Lane16 b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 operator /(Lane16 a, Lane16 b) => new(a._v / b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 operator -(Lane16 a) => new(-a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Fma(Lane16 a, Lane16 b, Lane16 c) => new(Vector512.FusedMultiplyAdd(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Min(Lane16 a, Lane16 b) => new(Vector512.Min(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Max(Lane16 a, Lane16 b) => new(Vector512.Max(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 MinNumber(Lane16 a, Lane16 b) => new(Vector512.MinNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 MaxNumber(Lane16 a, Lane16 b) => new(Vector512.MaxNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Abs(Lane16 a) => new(Vector512.Abs(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Sqrt(Lane16 a) => new(Vector512.Sqrt(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Round(Lane16 a) => new(Vector512.Round(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 CopySign(Lane16 a, Lane16 b) => new(Vector512.CopySign(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Less(Lane16 a, Lane16 b) => new(Vector512.LessThan(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Equal(Lane16 a, Lane16 b) => new(Vector512.Equals(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Select(Lane16 mask, Lane16 a, Lane16 b) => new(Vector512.ConditionalSelect(mask._v, a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Horner(Lane16 x, float c0, float c1, float c2, float c3, float c4) => new(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.Create(c0), x._v, Vector512.Create(c1)), x._v, Vector512.Create(c2)), x._v, Vector512.Create(c3)), x._v, Vector512.Create(c4)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Horner(Lane16 x, float c0, float c1, float c2, float c3, float c4, float c5, float c6) => new(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.Create(c0), x._v, Vector512.Create(c1)), x._v, Vector512.Create(c2)), x._v, Vector512.Create(c3)), x._v, Vector512.Create(c4)), x._v, Vector512.Create(c5)), x._v, Vector512.Create(c6)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Horner(Lane16 x, float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7) => new(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.FusedMultiplyAdd(Vector512.Create(c0), x._v, Vector512.Create(c1)), x._v, Vector512.Create(c2)), x._v, Vector512.Create(c3)), x._v, Vector512.Create(c4)), x._v, Vector512.Create(c5)), x._v, Vector512.Create(c6)), x._v, Vector512.Create(c7)));

    /// <summary>
    /// n = round(x / ln 2), r = x - n ln 2 in two parts (Cody and Waite), e^r from a polynomial for (e^r - 1 - r) / r² on [-ln 2 / 2, ln 2 / 2] (error 6.5e-8), then
    /// 2^n in two factors, as n reaches from -151 (denormal results) to 130 (overflow).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Exp(Lane16 value)
    {
        var x = Vector512.MaxNative(Vector512.Create(-104.5f), Vector512.MinNative(Vector512.Create(90f), value._v));
        var n = Vector512.Round(x * Vector512.Create(LaneMath.Log2E));
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-LaneMath.Ln2High), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-LaneMath.Ln2Low), r);
        var p = Vector512.FusedMultiplyAdd(Vector512.Create(LaneMath.Exp6), r, Vector512.Create(LaneMath.Exp5));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(LaneMath.Exp4));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(LaneMath.Exp3));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.5f));
        var e = Vector512.FusedMultiplyAdd(p * r, r, r) + Vector512.Create(1f);
        var half = Vector512.Round(n * Vector512.Create(0.5f));
        var (magic, one) = (Vector512.Create(12582912f), Vector512.Create(0x3F800000));
        var first = (Vector512.ShiftLeft((half + magic).AsInt32(), 23) + one).AsSingle();
        var second = (Vector512.ShiftLeft((n - half + magic).AsInt32(), 23) + one).AsSingle();
        return new(e * first * second);
    }

    /// <summary>1.5 2^23 + n holds n in its lowest bits, from where it is shifted into the exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Pow2(Lane16 n) =>
        new((Vector512.ShiftLeft((n._v + Vector512.Create(12582912f)).AsInt32(), 23) + Vector512.Create(0x3F800000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Exponent(Lane16 a) =>
        new(Vector512.ConvertToSingle(Vector512.ShiftRightLogical(a._v.AsInt32(), 23) - Vector512.Create(127)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane16 Significand(Lane16 a) =>
        new(((a._v.AsInt32() & Vector512.Create(0x007FFFFF)) | Vector512.Create(0x3F800000)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => new Lane8(_v.GetLower() + _v.GetUpper()).Sum();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Max() => new Lane8(Vector256.Max(_v.GetLower(), _v.GetUpper())).Max();
}
