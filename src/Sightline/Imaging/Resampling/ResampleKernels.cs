using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Sightline.Imaging.Resampling;

/// <summary>
/// The two passes of the resize on interleaved 8-bit samples. Sums are 32-bit integers, so every order of addition and
/// every vector width gives the same bits; the scalar methods are the specification. Result of a sum:
/// clamp((0.5 + sum of weight x sample) >> 22, 0, 255).
/// </summary>
internal static class ResampleKernels
{
    private const int Half = 1 << (ResampleWeights.Bits - 1);
    private const int Channels = 3;

    /// <summary>One row: to[x] = sum over taps of from[First[x] + tap] x weight, for three interleaved channels.</summary>
    public static void HorizontalScalar(ReadOnlySpan<byte> from, Span<byte> to, ResampleWeights weights, int begin = 0)
    {
        for (var x = begin; x < weights.First.Length; x++)
        {
            var (r, g, b) = (Half, Half, Half);
            var at = weights.First[x] * Channels;
            foreach (var weight in weights.Weights.AsSpan(x * weights.Stride, weights.Count[x]))
            {
                r += from[at] * weight;
                g += from[at + 1] * weight;
                b += from[at + 2] * weight;
                at += Channels;
            }

            (to[3 * x], to[(3 * x) + 1], to[(3 * x) + 2]) = (Clip(r), Clip(g), Clip(b));
        }
    }

    /// <summary>
    /// As <see cref="HorizontalScalar"/>. Four taps a step: 16 bytes hold 4 whole pixels and a third; a shuffle spreads
    /// them to lanes r g b 0 | r g b 0 | ..., which meet the weights k0 k0 k0 0 | k1 k1 k1 0 | ...
    /// <paramref name="spread"/> is <see cref="SpreadWeights"/> of the same weights.
    /// </summary>
    public static void Horizontal(ReadOnlySpan<byte> from, Span<byte> to, ResampleWeights weights, ReadOnlySpan<int> spread)
    {
        if (!Vector128.IsHardwareAccelerated)
        {
            HorizontalScalar(from, to, weights);
            return;
        }

        var lanes = Vector128.Create((byte)0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255);
        var groups = (weights.Stride + 3) / 4;
        var last = from.Length - 16;
        ref var source = ref MemoryMarshal.GetReference(from);
        ref var factors = ref MemoryMarshal.GetReference(spread);
        var x = 0;
        for (; x < weights.First.Length; x++)
        {
            var at = weights.First[x] * Channels;
            var taps = weights.Count[x];
            var steps = (taps + 3) / 4;
            if (at + (12 * (steps - 1)) > last) break; // the last 16-byte load would leave the row
            ref var factor = ref Unsafe.Add(ref factors, x * groups * 16);
            var sum = Accumulate(ref Unsafe.Add(ref source, at), ref factor, steps, lanes);
            sum += Vector128.Create(Half);
            sum = Vector128.Min(Vector128.Max(sum >> ResampleWeights.Bits, Vector128<int>.Zero), Vector128.Create(255));
            (to[3 * x], to[(3 * x) + 1], to[(3 * x) + 2]) = ((byte)sum[0], (byte)sum[1], (byte)sum[2]);
        }

        HorizontalScalar(from, to, weights, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Accumulate(ref byte source, ref int factor, int steps, Vector128<byte> lanes)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            var wide = Vector512<int>.Zero;
            for (var s = 0; s < steps; s++)
            {
                var pixels = Vector128.Shuffle(Vector128.LoadUnsafe(ref source, (nuint)(12 * s)), lanes);
                var (low, high) = Vector256.Widen(Vector128.WidenLower(pixels).ToVector256Unsafe().WithUpper(Vector128.WidenUpper(pixels)));
                wide += Vector512.Create(low, high).AsInt32() * Vector512.LoadUnsafe(ref factor, (nuint)(16 * s));
            }

            var half = wide.GetLower() + wide.GetUpper();
            return half.GetLower() + half.GetUpper();
        }

        var sum = Vector128<int>.Zero;
        for (var s = 0; s < steps; s++)
        {
            var pixels = Vector128.Shuffle(Vector128.LoadUnsafe(ref source, (nuint)(12 * s)), lanes);
            var (low, high) = Vector128.Widen(pixels);
            var (a, b) = Vector128.Widen(low);
            var (c, d) = Vector128.Widen(high);
            sum += (a.AsInt32() * Vector128.LoadUnsafe(ref factor, (nuint)(16 * s))) + (b.AsInt32() * Vector128.LoadUnsafe(ref factor, (nuint)((16 * s) + 4)));
            sum += (c.AsInt32() * Vector128.LoadUnsafe(ref factor, (nuint)((16 * s) + 8))) + (d.AsInt32() * Vector128.LoadUnsafe(ref factor, (nuint)((16 * s) + 12)));
        }

        return sum;
    }

    /// <summary>Weights repeated for the three channels and a zero lane: [output, (Stride + 3) / 4, 4 taps, 4 lanes].</summary>
    public static int[] SpreadWeights(ResampleWeights weights)
    {
        var groups = (weights.Stride + 3) / 4;
        var spread = new int[checked(weights.First.Length * groups * 16)];
        for (var x = 0; x < weights.First.Length; x++)
        {
            for (var t = 0; t < weights.Count[x]; t++)
                spread.AsSpan((x * groups * 16) + (t * 4), 3).Fill(weights.Weights[(x * weights.Stride) + t]);
        }

        return spread;
    }

    /// <summary>to[i] = sum over taps of from[tap x step + i] x weight; with the step of a row, the vertical pass of one output row.</summary>
    public static void VerticalScalar(ReadOnlySpan<byte> from, int step, ReadOnlySpan<int> weights, Span<byte> to, int begin = 0)
    {
        for (var i = begin; i < to.Length; i++)
        {
            var sum = Half;
            for (var t = 0; t < weights.Length; t++) sum += from[(t * step) + i] * weights[t];
            to[i] = Clip(sum);
        }
    }

    /// <summary>As <see cref="VerticalScalar"/>, a vector of bytes at a time.</summary>
    public static void Vertical(ReadOnlySpan<byte> from, int step, ReadOnlySpan<int> weights, Span<byte> to)
    {
        var i = 0;
        if (Vector.IsHardwareAccelerated && from.Length >= ((weights.Length - 1) * (long)step) + to.Length)
        {
            ref var source = ref MemoryMarshal.GetReference(from);
            ref var target = ref MemoryMarshal.GetReference(to);
            for (; i <= to.Length - Vector<byte>.Count; i += Vector<byte>.Count)
            {
                var a = new Vector<int>(Half);
                var (b, c, d) = (a, a, a);
                for (var t = 0; t < weights.Length; t++)
                {
                    var weight = new Vector<int>(weights[t]);
                    Vector.Widen(Vector.LoadUnsafe(ref source, (nuint)(((nint)t * step) + i)), out var low, out var high);
                    Vector.Widen(low, out var p, out var q);
                    Vector.Widen(high, out var r, out var s);
                    a += p.As<uint, int>() * weight;
                    b += q.As<uint, int>() * weight;
                    c += r.As<uint, int>() * weight;
                    d += s.As<uint, int>() * weight;
                }

                Vector.Narrow(Vector.Narrow(Clip(a), Clip(b)), Vector.Narrow(Clip(c), Clip(d))).StoreUnsafe(ref target, (nuint)i);
            }
        }

        VerticalScalar(from, step, weights, to, i);
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> ResampleWeights.Bits, 0, 255);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Clip(Vector<int> sum) =>
        Vector.Min(Vector.Max(sum >> ResampleWeights.Bits, Vector<int>.Zero), new Vector<int>(255)).As<int, uint>();
}
