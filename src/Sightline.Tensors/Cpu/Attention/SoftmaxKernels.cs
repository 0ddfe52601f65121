using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>
/// A block of base-2 scores [keys, queries] becomes 2^(score - maximum), with the running maximum and sum of every query
/// brought up to date (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"). One lane a query: no
/// sums across lanes.
/// </summary>
internal readonly unsafe struct OnlineSoftmax(float* scores, int keys, int queries, float* maximum, float* sum, float* rescale) : IRowKernel
{
    public void Run<V>()
        where V : struct, ILanes<V>
    {
        for (var lane = 0; lane < queries; lane += V.Count)
        {
            var column = scores + lane;
            var before = V.Load(maximum + lane);
            var after = Largest<V>(column, before);
            after.Store(maximum + lane);
            // nothing visible yet: any finite shift keeps 2^-inf = 0 and avoids inf - inf
            var shift = V.Select(V.Equal(after, V.Create(float.NegativeInfinity)), V.Create(0f), after);
            var factor = Exp2.Of(before - shift);
            factor.Store(rescale + lane);
            Fma(column, shift, V.Load(sum + lane) * factor).Store(sum + lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V Largest<V>(float* column, V start)
        where V : struct, ILanes<V>
    {
        var (m0, m1, m2, m3) = (start, start, start, start);
        var row = 0;
        for (; row <= keys - 4; row += 4, column += 4 * queries)
        {
            m0 = V.MaxNumber(m0, V.Load(column));
            m1 = V.MaxNumber(m1, V.Load(column + queries));
            m2 = V.MaxNumber(m2, V.Load(column + (2 * queries)));
            m3 = V.MaxNumber(m3, V.Load(column + (3 * queries)));
        }

        for (; row < keys; row++, column += queries) m0 = V.MaxNumber(m0, V.Load(column));
        return V.Max(V.Max(m0, m1), V.Max(m2, m3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V Fma<V>(float* column, V shift, V start)
        where V : struct, ILanes<V>
    {
        var (s0, s1) = (start, V.Create(0f));
        var row = 0;
        for (; row <= keys - 2; row += 2, column += 2 * queries)
        {
            var p0 = Exp2.Of(V.Load(column) - shift);
            var p1 = Exp2.Of(V.Load(column + queries) - shift);
            p0.Store(column);
            p1.Store(column + queries);
            s0 += p0;
            s1 += p1;
        }

        if (row < keys)
        {
            var p = Exp2.Of(V.Load(column) - shift);
            p.Store(column);
            s0 += p;
        }

        return s0 + s1;
    }
}

/// <summary>The probabilities once more, p = 2^(score - logSumExp), and the gradient of the softmax, slope = p · (slope - delta); lane by lane.</summary>
internal readonly unsafe struct ScoreGradient(float* slope, float* p, int keys, int queries, float* logSumExp, float* delta) : IRowKernel
{
    public void Run<V>()
        where V : struct, ILanes<V>
    {
        for (var lane = 0; lane < queries; lane += V.Count)
        {
            var (shift, common) = (V.Load(logSumExp + lane), V.Load(delta + lane));
            var at = lane;
            for (var row = 0; row < keys; row++, at += queries)
            {
                var value = Exp2.Of(V.Load(p + at) - shift);
                value.Store(p + at);
                (value * (V.Load(slope + at) - common)).Store(slope + at);
            }
        }
    }
}

/// <summary>x *= factor.</summary>
internal readonly unsafe struct ScaleAll(float* x, int count, float factor) : IRowKernel
{
    /// <summary><paramref name="count"/> must be a multiple of 16.</summary>
    public static void Run(float* x, int count, float factor)
    {
        var kernel = new ScaleAll(x, count, factor);
        Reductions.Dispatch(ref kernel);
    }

    public void Run<V>()
        where V : struct, ILanes<V>
    {
        for (var i = 0; i < count; i += V.Count) (V.Load(x + i) * V.Create(factor)).Store(x + i);
    }
}

/// <summary>Every row of x [rows, columns] times the same factors [columns].</summary>
internal readonly unsafe struct ScaleColumns(float* x, int rows, int columns, float* factors) : IRowKernel
{
    public void Run<V>()
        where V : struct, ILanes<V>
    {
        for (var column = 0; column < columns; column += V.Count)
        {
            var factor = V.Load(factors + column);
            for (var row = 0; row < rows; row++) (V.Load(x + ((long)row * columns) + column) * factor).Store(x + ((long)row * columns) + column);
        }
    }
}

/// <summary>2^x for x at most about 0.</summary>
internal static class Exp2
{
    /// <summary>
    /// 2^x = 2^n · 2^f with n the nearest integer and f in [-1/2, 1/2] by a polynomial (Chebyshev interpolation of degree 6,
    /// relative error 3e-9 before rounding). 0 below -126.5; NaN stays.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<V>(V x)
        where V : struct, ILanes<V>
    {
        x = V.MaxNumber(V.Create(-127f), x);
        var n = V.Round(x);
        var f = x - n;
        var p = V.Fma(V.Create(0.000154614447f), f, V.Create(0.00134004282f));
        p = V.Fma(p, f, V.Create(0.00961805668f));
        p = V.Fma(p, f, V.Create(0.0555032723f));
        p = V.Fma(p, f, V.Create(0.240226509f));
        p = V.Fma(p, f, V.Create(0.693147207f));
        p = V.Fma(p, f, V.Create(1f));
        return p * V.Pow2(n); // the bits of 2^-127 come out as 0
    }
}
