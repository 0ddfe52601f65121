using System.Numerics;
using Sightline.Imaging;

namespace Sightline.Training.Data;

/// <summary>
/// A fingerprint of what a picture shows: 256 bits, each saying whether one of 17 x 16 average greys is brighter than its
/// right neighbour (a difference hash; N. Krawetz, "Kind of Like That", 2013, with a finer grid). Resizing and
/// recompression change a few bits, another scene about half of them.
/// </summary>
public readonly record struct PictureFingerprint
{
    private const int Columns = 17;
    private const int Rows = 16;
    private readonly ulong _a, _b, _c, _d;

    private PictureFingerprint(ulong a, ulong b, ulong c, ulong d) => (_a, _b, _c, _d) = (a, b, c, d);

    /// <summary>The fingerprint of a picture of any size.</summary>
    public static PictureFingerprint Of(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        Span<double> cells = stackalloc double[Columns * Rows];
        for (var row = 0; row < Rows; row++)
        {
            for (var column = 0; column < Columns; column++) cells[(row * Columns) + column] = MeanGrey(picture, column, row);
        }

        Span<ulong> bits = stackalloc ulong[4];
        for (var i = 0; i < 256; i++)
        {
            var at = (i / 16 * Columns) + (i % 16);
            // flat areas must not give random bits: a step of half a level is needed
            if (cells[at] > cells[at + 1] + 0.5) bits[i / 64] |= 1UL << (i % 64);
        }

        return new PictureFingerprint(bits[0], bits[1], bits[2], bits[3]);
    }

    /// <summary>The number of differing bits, 0..256.</summary>
    public int DistanceTo(in PictureFingerprint other) =>
        BitOperations.PopCount(_a ^ other._a) + BitOperations.PopCount(_b ^ other._b) + BitOperations.PopCount(_c ^ other._c) + BitOperations.PopCount(_d ^ other._d);

    /// <summary>The number of set bits; a picture with few has too little structure to be told from another.</summary>
    public int SetBits => BitOperations.PopCount(_a) + BitOperations.PopCount(_b) + BitOperations.PopCount(_c) + BitOperations.PopCount(_d);

    private static double MeanGrey(Picture picture, int column, int row)
    {
        var (x0, x1) = Range(column, Columns, picture.Width);
        var (y0, y1) = Range(row, Rows, picture.Height);
        long sum = 0;
        var pixels = picture.Pixels;
        for (var y = y0; y < y1; y++)
        {
            var at = ((y * picture.Width) + x0) * 3;
            for (var x = x0; x < x1; x++, at += 3) sum += (299 * pixels[at]) + (587 * pixels[at + 1]) + (114 * pixels[at + 2]);
        }

        return sum / 1000.0 / ((x1 - x0) * (y1 - y0));
    }

    private static (int From, int To) Range(int index, int parts, int size)
    {
        var from = Math.Min((int)((long)index * size / parts), size - 1);
        return (from, Math.Max(from + 1, (int)((long)(index + 1) * size / parts)));
    }
}
