using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// The transforms of minimal filtering F(4, 3) in one dimension (Winograd 1980; Lavin and Gray 2016, "Fast algorithms for convolutional
/// neural networks"): y = Aᵀ [(G w) ∘ (Bᵀ d)], four results from six inputs with six products instead of twelve. Interpolation at 0,
/// ±3/4, ±3/2 and infinity: with these the error of a 3 x 3 convolution is about twice that of direct summation, with the usual 0, ±1, ±2
/// four times (measured with 96 channels; why points near 1 in magnitude and symmetric are better: Barabasz et al. 2020, "Error analysis and improving
/// the accuracy of Winograd convolution"). Every factor of Aᵀ and Bᵀ is exact in float32.
/// </summary>
internal static unsafe class WinogradLines
{
    private const float A = 0.75f;
    private const float B = 1.5f;
    private const float A2 = A * A;
    private const float B2 = B * B;

    /// <summary>1 / Π (p - q) over the other points, for p = 0.</summary>
    private const float ScaleZero = 1 / (A2 * B2);

    private const float ScaleA = 1 / (2 * A2 * (A2 - B2));
    private const float ScaleB = 1 / (2 * B2 * (B2 - A2));

    /// <summary>Bᵀ d: six inputs to six, stored <paramref name="stride"/> floats apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<V>(V d0, V d1, V d2, V d3, V d4, V d5, float* target, nint stride)
        where V : struct, ILanes<V>
    {
        var (product, sum) = (V.Create(A2 * B2), V.Create(-(A2 + B2)));
        V.Fma(product, d0, V.Fma(sum, d2, d4)).Store(target);
        var even = V.Fma(V.Create(-B2), d2, d4);
        var odd = V.Create(A) * V.Fma(V.Create(-B2), d1, d3);
        (even + odd).Store(target + stride);
        (even - odd).Store(target + (2 * stride));
        even = V.Fma(V.Create(-A2), d2, d4);
        odd = V.Create(B) * V.Fma(V.Create(-A2), d1, d3);
        (even + odd).Store(target + (3 * stride));
        (even - odd).Store(target + (4 * stride));
        V.Fma(product, d1, V.Fma(sum, d3, d5)).Store(target + (5 * stride));
    }

    /// <summary>Aᵀ m: six to four results.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<V>(V m0, V m1, V m2, V m3, V m4, V m5, out V y0, out V y1, out V y2, out V y3)
        where V : struct, ILanes<V>
    {
        var (sumA, differenceA) = (m1 + m2, m1 - m2);
        var (sumB, differenceB) = (m3 + m4, m3 - m4);
        y0 = m0 + sumA + sumB;
        y1 = V.Fma(V.Create(A), differenceA, V.Create(B) * differenceB);
        y2 = V.Fma(V.Create(A2), sumA, V.Create(B2) * sumB);
        y3 = V.Fma(V.Create(A2 * A), differenceA, V.Fma(V.Create(B2 * B), differenceB, m5));
    }

    /// <summary>A y: the transpose of <see cref="Output"/>, which carries gradients back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Slope<V>(V y0, V y1, V y2, V y3, float* target, nint stride)
        where V : struct, ILanes<V>
    {
        y0.Store(target);
        var even = V.Fma(V.Create(A2), y2, y0);
        var odd = V.Fma(V.Create(A2 * A), y3, V.Create(A) * y1);
        (even + odd).Store(target + stride);
        (even - odd).Store(target + (2 * stride));
        even = V.Fma(V.Create(B2), y2, y0);
        odd = V.Fma(V.Create(B2 * B), y3, V.Create(B) * y1);
        (even + odd).Store(target + (3 * stride));
        (even - odd).Store(target + (4 * stride));
        y3.Store(target + (5 * stride));
    }

    /// <summary>G w: three weights to six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Weights<V>(V w0, V w1, V w2, float* target, nint stride)
        where V : struct, ILanes<V>
    {
        (V.Create(ScaleZero) * w0).Store(target);
        var (even, odd) = (V.Create(ScaleA) * V.Fma(V.Create(A2), w2, w0), V.Create(ScaleA * A) * w1);
        (even + odd).Store(target + stride);
        (even - odd).Store(target + (2 * stride));
        (even, odd) = (V.Create(ScaleB) * V.Fma(V.Create(B2), w2, w0), V.Create(ScaleB * B) * w1);
        (even + odd).Store(target + (3 * stride));
        (even - odd).Store(target + (4 * stride));
        w2.Store(target + (5 * stride));
    }

    /// <summary>Gᵀ u: the transpose of <see cref="Weights"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WeightSlope<V>(V u0, V u1, V u2, V u3, V u4, V u5, float* target, nint stride)
        where V : struct, ILanes<V>
    {
        var sumA = V.Create(ScaleA) * (u1 + u2);
        var sumB = V.Create(ScaleB) * (u3 + u4);
        (V.Fma(V.Create(ScaleZero), u0, sumA) + sumB).Store(target);
        V.Fma(V.Create(ScaleA * A), u1 - u2, V.Create(ScaleB * B) * (u3 - u4)).Store(target + stride);
        V.Fma(V.Create(A2), sumA, V.Fma(V.Create(B2), sumB, u5)).Store(target + (2 * stride));
    }
}
