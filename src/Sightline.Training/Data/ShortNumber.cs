using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// Sizes and centres that are computed from corners carry rounding noise (0.30000000000000004). Written are the shortest
/// decimals that read back as the very same box, so that what a person wrote is what stands in the file again.
/// </summary>
internal static class ShortNumber
{
    /// <summary>
    /// The shortest size with start + size equal to end, bit for bit. A size that was read always has one; for a box that
    /// came as corners there may be none (the sum of two doubles does not reach every double), and then start + size
    /// misses end by its last bit.
    /// </summary>
    public static double Size(double start, double end)
    {
        var size = end - start;
        if (Math.Abs(size) >= 1e9) return size;
        for (var digits = 0; digits <= 15; digits++)
        {
            var candidate = Math.Round(size, digits);
            if (start + candidate == end) return candidate;
        }

        return size;
    }

    /// <summary>Centre and size whose decimals give the same box again; the plain values when no shorter ones do.</summary>
    public static (double X, double Y, double Width, double Height) Center(in Box box)
    {
        var (x, width) = Center(box.X1, box.X2);
        var (y, height) = Center(box.Y1, box.Y2);
        return (x, y, width, height);
    }

    private static (double Center, double Size) Center(double low, double high)
    {
        var (center, size) = ((low + high) / 2, high - low);
        for (var digits = 0; digits <= 15; digits++)
        {
            var (c, s) = (Math.Round(center, digits), Math.Round(size, digits));
            if (c - (s / 2) == low && c + (s / 2) == high) return (c, s);
        }

        return (center, size);
    }
}
