using System.Buffers;

namespace Sightline.Geometry;

/// <summary>
/// The order of scores from high to low in which equal scores keep their places: numpy's
/// <c>argsort(-scores, kind="mergesort")</c>, on which the official metrics depend when scores tie. NaN comes last.
/// </summary>
public static class ScoreOrder
{
    private const int RadixFrom = 256; // below this an insertion or merge sort beats clearing the histograms

    /// <summary>Writes the indices of the scores, highest first.</summary>
    /// <param name="scores">[N]</param>
    /// <param name="order">[N]</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Descending(ReadOnlySpan<double> scores, Span<int> order)
    {
        var n = scores.Length;
        if (order.Length != n) throw new ArgumentException($"the order of {n} scores needs {n} indices, got {order.Length}", nameof(order));
        var keys = ArrayPool<ulong>.Shared.Rent(2 * n);
        var spare = ArrayPool<int>.Shared.Rent(n);
        try
        {
            for (var i = 0; i < n; i++)
            {
                keys[i] = Key(scores[i]);
                order[i] = i;
            }

            if (n < RadixFrom) Insertion(keys.AsSpan(0, n), order);
            else Radix(keys.AsSpan(0, n), keys.AsSpan(n, n), order, spare.AsSpan(0, n));
        }
        finally
        {
            ArrayPool<ulong>.Shared.Return(keys);
            ArrayPool<int>.Shared.Return(spare);
        }
    }

    // Ascending keys are descending scores. IEEE bits sort as integers once negative ones are flipped.
    private static ulong Key(double score)
    {
        if (double.IsNaN(score)) return ulong.MaxValue;
        var bits = BitConverter.DoubleToUInt64Bits(score + 0.0); // -0 becomes +0: they are equal
        return (bits >> 63) != 0 ? bits : ~bits & ~(1UL << 63);
    }

    private static void Insertion(Span<ulong> keys, Span<int> order)
    {
        for (var i = 1; i < keys.Length; i++)
        {
            var key = keys[i];
            var index = order[i];
            var j = i;
            for (; j > 0 && keys[j - 1] > key; j--) (keys[j], order[j]) = (keys[j - 1], order[j - 1]);
            (keys[j], order[j]) = (key, index);
        }
    }

    // Least significant byte first, which is stable; a byte that all keys share costs one pass of counting only.
    private static void Radix(Span<ulong> keys, Span<ulong> otherKeys, Span<int> order, Span<int> otherOrder)
    {
        var result = order;
        Span<int> starts = stackalloc int[256];
        for (var shift = 0; shift < 64; shift += 8)
        {
            starts.Clear();
            foreach (var key in keys) starts[(int)(key >> shift) & 255]++;
            if (starts[(int)(keys[0] >> shift) & 255] == keys.Length) continue;
            var sum = 0;
            for (var b = 0; b < 256; b++) (starts[b], sum) = (sum, sum + starts[b]);
            for (var i = 0; i < keys.Length; i++)
            {
                var place = starts[(int)(keys[i] >> shift) & 255]++;
                otherKeys[place] = keys[i];
                otherOrder[place] = order[i];
            }

            var swapKeys = keys;
            keys = otherKeys;
            otherKeys = swapKeys;
            var swapOrder = order;
            order = otherOrder;
            otherOrder = swapOrder;
        }

        if (order != result) order.CopyTo(result);
    }
}
