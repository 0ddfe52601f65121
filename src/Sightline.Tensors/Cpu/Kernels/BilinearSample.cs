using System.Runtime.CompilerServices;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>The four pixels around a place, with their weights; pixels outside the picture have offset -1 and count as zero.</summary>
internal readonly struct BilinearSample
{
    /// <summary>Offsets (row · width + column) of the upper left, upper right, lower left and lower right pixel.</summary>
    public readonly int NorthWest, NorthEast, SouthWest, SouthEast;

    /// <summary>How far the place is to the right of and below the upper left pixel, 0..1.</summary>
    public readonly float Right, Down;

    /// <param name="x">Column, pixel centres at whole numbers.</param>
    /// <param name="y">Row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    public BilinearSample(float x, float y, int height, int width)
    {
        var (left, top) = (MathF.Floor(x), MathF.Floor(y));
        Right = x - left;
        Down = y - top;
        // far outside (or NaN) must not overflow the conversion
        var (column, row) = (left >= -1 && left < width ? (int)left : -2, top >= -1 && top < height ? (int)top : -2);
        NorthWest = At(row, column, height, width);
        NorthEast = At(row, column + 1, height, width);
        SouthWest = At(row + 1, column, height, width);
        SouthEast = At(row + 1, column + 1, height, width);
    }

    public float NorthWestWeight => (1 - Right) * (1 - Down);

    public float NorthEastWeight => Right * (1 - Down);

    public float SouthWestWeight => (1 - Right) * Down;

    public float SouthEastWeight => Right * Down;

    /// <summary>True when no pixel of the picture is touched.</summary>
    public bool IsOutside => (NorthWest & NorthEast & SouthWest & SouthEast) < 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int At(int row, int column, int height, int width) =>
        (uint)row < (uint)height && (uint)column < (uint)width ? (row * width) + column : -1;
}
