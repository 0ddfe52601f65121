using System.Runtime.CompilerServices;

namespace Sightline.Tensors.Cpu.Lanes;

/// <summary>
/// Twice the lanes in two registers. Reductions always run over sixteen lanes, whatever the processor has, so that their
/// order of addition, and with it the last bit, is the same on every machine.
/// </summary>
internal readonly unsafe struct Twice<T>(T low, T high) : ILanes<Twice<T>>
    where T : struct, ILanes<T>
{
    private readonly T _low = low;
    private readonly T _high = high;

    public static int Count => 2 * T.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Load(float* source) => new(T.Load(source), T.Load(source + T.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Create(float value) => new(T.Create(value), T.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target)
    {
        _low.Store(target);
        _high.Store(target + T.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> operator +(Twice<T> a, Twice<T> b) => new(a._low + b._low, a._high + b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> operator -(Twice<T> a, Twice<T> b) => new(a._low - b._low, a._high - b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> operator *(Twice<T> a, Twice<T> b) => new(a._low * b._low, a._high * b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> operator /(Twice<T> a, Twice<T> b) => new(a._low / b._low, a._high / b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> operator -(Twice<T> a) => new(-a._low, -a._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Fma(Twice<T> a, Twice<T> b, Twice<T> c) => new(T.Fma(a._low, b._low, c._low), T.Fma(a._high, b._high, c._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Select(Twice<T> a, Twice<T> b, Twice<T> c) => new(T.Select(a._low, b._low, c._low), T.Select(a._high, b._high, c._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Min(Twice<T> a, Twice<T> b) => new(T.Min(a._low, b._low), T.Min(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Max(Twice<T> a, Twice<T> b) => new(T.Max(a._low, b._low), T.Max(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> MinNumber(Twice<T> a, Twice<T> b) => new(T.MinNumber(a._low, b._low), T.MinNumber(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> MaxNumber(Twice<T> a, Twice<T> b) => new(T.MaxNumber(a._low, b._low), T.MaxNumber(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> CopySign(Twice<T> a, Twice<T> b) => new(T.CopySign(a._low, b._low), T.CopySign(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Less(Twice<T> a, Twice<T> b) => new(T.Less(a._low, b._low), T.Less(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Equal(Twice<T> a, Twice<T> b) => new(T.Equal(a._low, b._low), T.Equal(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Abs(Twice<T> a) => new(T.Abs(a._low), T.Abs(a._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Sqrt(Twice<T> a) => new(T.Sqrt(a._low), T.Sqrt(a._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Round(Twice<T> a) => new(T.Round(a._low), T.Round(a._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Horner(Twice<T> x, float c0, float c1, float c2, float c3, float c4) => new(T.Horner(x._low, c0, c1, c2, c3, c4), T.Horner(x._high, c0, c1, c2, c3, c4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Horner(Twice<T> x, float c0, float c1, float c2, float c3, float c4, float c5, float c6) => new(T.Horner(x._low, c0, c1, c2, c3, c4, c5, c6), T.Horner(x._high, c0, c1, c2, c3, c4, c5, c6));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Horner(Twice<T> x, float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7) => new(T.Horner(x._low, c0, c1, c2, c3, c4, c5, c6, c7), T.Horner(x._high, c0, c1, c2, c3, c4, c5, c6, c7));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Exp(Twice<T> a) => new(T.Exp(a._low), T.Exp(a._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Pow2(Twice<T> a) => new(T.Pow2(a._low), T.Pow2(a._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Exponent(Twice<T> a) => new(T.Exponent(a._low), T.Exponent(a._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Twice<T> Significand(Twice<T> a) => new(T.Significand(a._low), T.Significand(a._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => (_low + _high).Sum();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Max() => T.Max(_low, _high).Max();
}
