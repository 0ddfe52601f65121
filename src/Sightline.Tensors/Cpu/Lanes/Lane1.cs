using System.Runtime.CompilerServices;

namespace Sightline.Tensors.Cpu.Lanes;

/// <summary>One lane: the scalar code, which is the specification of the others.</summary>
internal readonly unsafe struct Lane1(float value) : ILanes<Lane1>
{
    private readonly float _v = value;

    public static int Count => 1;

    public float Value => _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Load(float* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Create(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => *target = _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 operator +(Lane1 a, Lane1 b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 operator -(Lane1 a, Lane1 b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 operator *(Lane1 a, Lane1 b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 operator /(Lane1 a, Lane1 b) => new(a._v / b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 operator -(Lane1 a) => new(-a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Fma(Lane1 a, Lane1 b, Lane1 c) => new(MathF.FusedMultiplyAdd(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Min(Lane1 a, Lane1 b) => new(MathF.Min(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Max(Lane1 a, Lane1 b) => new(MathF.Max(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 MinNumber(Lane1 a, Lane1 b) => new(a._v < b._v ? a._v : b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 MaxNumber(Lane1 a, Lane1 b) => new(a._v > b._v ? a._v : b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Abs(Lane1 a) => new(MathF.Abs(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Sqrt(Lane1 a) => new(MathF.Sqrt(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Round(Lane1 a) => new(MathF.Round(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 CopySign(Lane1 a, Lane1 b) => new(MathF.CopySign(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Less(Lane1 a, Lane1 b) => Mask(a._v < b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Equal(Lane1 a, Lane1 b) => Mask(a._v == b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Select(Lane1 mask, Lane1 a, Lane1 b) => BitConverter.SingleToInt32Bits(mask._v) != 0 ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Horner(Lane1 x, float c0, float c1, float c2, float c3, float c4) => new(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(c0, x._v, c1), x._v, c2), x._v, c3), x._v, c4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Horner(Lane1 x, float c0, float c1, float c2, float c3, float c4, float c5, float c6) => new(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(c0, x._v, c1), x._v, c2), x._v, c3), x._v, c4), x._v, c5), x._v, c6));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Horner(Lane1 x, float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7) => new(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(c0, x._v, c1), x._v, c2), x._v, c3), x._v, c4), x._v, c5), x._v, c6), x._v, c7));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Exp(Lane1 value)
    {
        var x = MinNumber(new(90f), value)._v;
        x = MaxNumber(new(-104.5f), new(x))._v;
        var n = MathF.Round(x * LaneMath.Log2E);
        var r = MathF.FusedMultiplyAdd(n, -LaneMath.Ln2High, x);
        r = MathF.FusedMultiplyAdd(n, -LaneMath.Ln2Low, r);
        var p = MathF.FusedMultiplyAdd(LaneMath.Exp6, r, LaneMath.Exp5);
        p = MathF.FusedMultiplyAdd(p, r, LaneMath.Exp4);
        p = MathF.FusedMultiplyAdd(p, r, LaneMath.Exp3);
        p = MathF.FusedMultiplyAdd(p, r, 0.5f);
        var e = MathF.FusedMultiplyAdd(p * r, r, r) + 1f;
        var half = MathF.Round(n * 0.5f);
        return new(e * Pow2(new(half))._v * Pow2(new(n - half))._v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Pow2(Lane1 n) => new(BitConverter.Int32BitsToSingle(((int)n._v + 127) << 23));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Exponent(Lane1 a) => new((BitConverter.SingleToInt32Bits(a._v) >> 23) - 127);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane1 Significand(Lane1 a) => new(BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(a._v) & 0x007FFFFF) | 0x3F800000));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Max() => _v;

    private static Lane1 Mask(bool on) => new(BitConverter.Int32BitsToSingle(on ? -1 : 0));
}
