using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>The tiles of 4 x 4 results of a 3 x 3 convolution with stride 1, over the whole batch, row-major.</summary>
internal readonly unsafe struct WinogradTiles(ConvGeometry g)
{
    private readonly int _columns = (g.OutW + 3) / 4;
    private readonly int _perImage = ((g.OutW + 3) / 4) * ((g.OutH + 3) / 4);

    public int Count => g.N * _perImage;

    /// <summary>Whether a convolution is done this way: enough channels that the transforms cost little beside the products, and few enough that a block of tiles stays in the cache.</summary>
    public static bool Suits(ConvGeometry g) =>
        g is { KernelH: 3, KernelW: 3, Stride: 1, Dilation: 1, Groups: 1, Padding: <= 2, C: >= 32 and <= 256, O: >= 32 and <= 256, OutH: >= 4, OutW: >= 4 };

    /// <summary>The 36 inputs of a tile; those outside the picture point to zeros.</summary>
    public void Inputs(int tile, float* x, float* zeros, float** pixels)
    {
        var (image, row, column) = Place(tile);
        for (var i = 0; i < 6; i++)
        {
            var y = row + i - g.Padding;
            for (var j = 0; j < 6; j++)
            {
                var at = column + j - g.Padding;
                pixels[(6 * i) + j] = (uint)y < (uint)g.H && (uint)at < (uint)g.W ? x + ((((((long)image * g.H) + y) * g.W) + at) * g.C) : zeros;
            }
        }
    }

    /// <summary>The 16 results of a tile; those outside the picture point to <paramref name="outside"/>.</summary>
    public void Outputs(int tile, float* y, float* outside, float** pixels)
    {
        var (image, row, column) = Place(tile);
        for (var i = 0; i < 4; i++)
        {
            for (var j = 0; j < 4; j++)
            {
                pixels[(4 * i) + j] = row + i < g.OutH && column + j < g.OutW
                    ? y + ((((((long)image * g.OutH) + row + i) * g.OutW) + column + j) * g.O)
                    : outside;
            }
        }
    }

    private (int Image, int Row, int Column) Place(int tile)
    {
        var (image, inside) = Math.DivRem(tile, _perImage);
        var (row, column) = Math.DivRem(inside, _columns);
        return (image, row * 4, column * 4);
    }
}
