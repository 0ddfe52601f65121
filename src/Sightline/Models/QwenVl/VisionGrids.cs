using Sightline.Generation;
using Sightline.Tensors;

namespace Sightline.Models.QwenVl;

/// <summary>
/// Where the patches of some pictures lie, and who sees whom. Patches come in squares of M x M that become one image token,
/// squares row by row, as <c>pixel_values</c> has them (<c>transformers/vision_utils.py</c>).
/// </summary>
internal static class VisionGrids
{
    /// <summary>Rows and columns of all patches, [2, P].</summary>
    public static long[] Positions(ReadOnlySpan<PictureGrid> grids, int mergeSize)
    {
        var total = 0;
        foreach (var grid in grids) total += grid.Patches;
        var positions = new long[2 * total];
        var at = 0;
        foreach (var grid in grids)
        {
            for (var patch = 0; patch < grid.Patches; patch++, at++) (positions[at], positions[total + at]) = Place(patch, grid, mergeSize);
        }

        return positions;
    }

    /// <summary>Row and column of a patch within its picture.</summary>
    public static (int Row, int Column) Place(int patch, PictureGrid grid, int mergeSize)
    {
        var (square, inSquare) = Math.DivRem(patch % (grid.Height * grid.Width), mergeSize * mergeSize);
        var (squareRow, squareColumn) = Math.DivRem(square, grid.Width / mergeSize);
        var (row, column) = Math.DivRem(inSquare, mergeSize);
        return ((squareRow * mergeSize) + row, (squareColumn * mergeSize) + column);
    }

    /// <summary>Patches that see each other: those of one picture, of one time step where it has several.</summary>
    public static int[] PictureLengths(ReadOnlySpan<PictureGrid> grids)
    {
        var lengths = new List<int>();
        foreach (var grid in grids) lengths.AddRange(Enumerable.Repeat(grid.Height * grid.Width, grid.Time));
        return [.. lengths];
    }

    /// <summary>
    /// The order of the image tokens when those of a window follow one another, and the patches of each window; windows of
    /// <paramref name="side"/> x <paramref name="side"/> tokens are cut off at the right and the bottom.
    /// </summary>
    public static (int[] Order, int[] Lengths) Windows(ReadOnlySpan<PictureGrid> grids, int mergeSize, int side)
    {
        List<int> order = [], lengths = [];
        var first = 0;
        foreach (var grid in grids)
        {
            var (height, width) = (grid.Height / mergeSize, grid.Width / mergeSize);
            for (var time = 0; time < grid.Time; time++, first += height * width)
            {
                for (var top = 0; top < height; top += side)
                {
                    for (var left = 0; left < width; left += side)
                    {
                        var (bottom, right) = (Math.Min(top + side, height), Math.Min(left + side, width));
                        for (var y = top; y < bottom; y++)
                        {
                            for (var x = left; x < right; x++) order.Add(first + (y * width) + x);
                        }

                        lengths.Add((bottom - top) * (right - left) * mergeSize * mergeSize);
                    }
                }
            }
        }

        return ([.. order], [.. lengths]);
    }

    /// <exception cref="ShapeException">A grid is not made of whole image tokens.</exception>
    public static void Check(ReadOnlySpan<PictureGrid> grids, int mergeSize)
    {
        foreach (var grid in grids)
        {
            if (grid.Time < 1 || grid.Height < 1 || grid.Width < 1 || grid.Height % mergeSize != 0 || grid.Width % mergeSize != 0)
                throw new ShapeException($"a picture of {grid} patches is not made of squares of {mergeSize} x {mergeSize} patches");
        }
    }
}
