namespace Sightline.Tensors.Cpu.Lanes;

/// <summary>
/// Float32 lanes of some width. A kernel is written once against this interface and compiled for every width, one lane
/// included; all operations are IEEE 754 and correctly rounded, so each width gives the same bits. Comparisons give masks
/// (all bits set or none) for <see cref="Select"/>.
/// </summary>
internal unsafe interface ILanes<T>
    where T : struct, ILanes<T>
{
    /// <summary>Number of lanes.</summary>
    static abstract int Count { get; }

    static abstract T Load(float* source);

    static abstract T Create(float value);

    void Store(float* target);

    static abstract T operator +(T a, T b);

    static abstract T operator -(T a, T b);

    static abstract T operator *(T a, T b);

    static abstract T operator /(T a, T b);

    static abstract T operator -(T a);

    /// <summary>a b + c with one rounding.</summary>
    static abstract T Fma(T a, T b, T c);

    /// <summary>IEEE minimum: a NaN on either side wins.</summary>
    static abstract T Min(T a, T b);

    /// <summary>IEEE maximum: a NaN on either side wins.</summary>
    static abstract T Max(T a, T b);

    /// <summary>a &lt; b ? a : b. A NaN in b passes; a must be a number.</summary>
    static abstract T MinNumber(T a, T b);

    /// <summary>a > b ? a : b. A NaN in b passes; a must be a number.</summary>
    static abstract T MaxNumber(T a, T b);

    static abstract T Abs(T a);

    static abstract T Sqrt(T a);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract T Round(T a);

    /// <summary>The magnitude of a with the sign of b.</summary>
    static abstract T CopySign(T a, T b);

    static abstract T Less(T a, T b);

    static abstract T Equal(T a, T b);

    static abstract T Select(T mask, T a, T b);

    /// <summary>(((c0 x + c1) x + c2) ...) with fused multiply-adds. One call a polynomial: the compiler gives up inlining after some hundred calls.</summary>
    static abstract T Horner(T x, float c0, float c1, float c2, float c3, float c4);

    /// <inheritdoc cref="Horner(T, float, float, float, float, float)"/>
    static abstract T Horner(T x, float c0, float c1, float c2, float c3, float c4, float c5, float c6);

    /// <inheritdoc cref="Horner(T, float, float, float, float, float)"/>
    static abstract T Horner(T x, float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7);

    /// <summary>e^x: see <see cref="LaneMath"/>; written out at each width for the same reason.</summary>
    static abstract T Exp(T x);

    /// <summary>2^n for whole n in -126..127.</summary>
    static abstract T Pow2(T n);

    /// <summary>The exponent of a positive normal number, as a number: floor(log2 x).</summary>
    static abstract T Exponent(T a);

    /// <summary>The significand of a positive normal number, in [1, 2).</summary>
    static abstract T Significand(T a);

    /// <summary>Sum of the lanes: upper half onto lower half until one is left.</summary>
    float Sum();

    /// <summary>Largest lane; a NaN wins.</summary>
    float Max();
}
