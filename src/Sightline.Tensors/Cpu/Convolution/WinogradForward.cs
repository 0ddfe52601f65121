using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// A 3 x 3 convolution with stride 1 by tiles of 4 x 4 results: a block of tiles a piece is transformed, multiplied with the transformed weights
/// in 36 products, and transformed back. 2.25 multiply-adds a result and channel instead of 9. A number that is not finite spreads over its tile.
/// </summary>
internal readonly unsafe struct WinogradForward(float* x, float* weights, float* bias, float* y, ConvGeometry g) : IPieces
{
    private readonly WinogradTiles _tiles = new(g);

    /// <summary>Tiles of a block: two full panels or more, so that the block of both transforms stays in the second-level cache.</summary>
    private static int TilesAtOnce => GemmTile.MaxRows * Math.Max(1, 28 / GemmTile.MaxRows);

    public int Pieces => CpuEngine.PieceCount(_tiles.Count, TilesAtOnce);

    private static int PaddedOutputs(ConvGeometry g) => (g.O + GemmTile.MaxColumnsEver - 1) / GemmTile.MaxColumnsEver * GemmTile.MaxColumnsEver;

    /// <summary>Floats of the transformed weights.</summary>
    public static long WeightSize(ConvGeometry g) => 36L * g.C * PaddedOutputs(g);

    /// <summary>Transforms weights [C, 9 turned, O] into panels [36][O / MaxColumns][C, MaxColumns].</summary>
    public static void TransformWeights(float* turned, ConvGeometry g, float* target)
    {
        var work = new WeightPieces(turned, g, target);
        CpuEngine.Parallel(ref work, g.C);
    }

    [SkipLocalsInit]
    public void Run(int piece)
    {
        var first = piece * TilesAtOnce;
        var count = Math.Min(TilesAtOnce, _tiles.Count - first);
        var outputs = PaddedOutputs(g);
        var sizeIn = (long)TilesAtOnce * g.C;
        var sizeOut = (long)TilesAtOnce * outputs;
        var memory = NativePool.Shared.Rent(((36 * (sizeIn + sizeOut)) + g.C + g.O) * sizeof(float));
        var planesIn = (float*)memory.Pointer;
        var planesOut = planesIn + (36 * sizeIn);
        var zeros = planesOut + (36 * sizeOut);
        var outside = zeros + g.C;
        new Span<float>(zeros, g.C).Clear();
        var pixels = stackalloc float*[36];
        for (var t = 0; t < count; t++)
        {
            _tiles.Inputs(first + t, x, zeros, pixels);
            WinogradChannels.Run(new WinogradInput(pixels, planesIn + ((long)t * g.C), (nint)sizeIn), g.C);
        }

        Multiply(planesIn, sizeIn, planesOut, sizeOut, outputs, count);
        for (var t = 0; t < count; t++)
        {
            _tiles.Outputs(first + t, y, outside, pixels);
            WinogradChannels.Run(new WinogradOutput(planesOut + ((long)t * outputs), (nint)sizeOut, bias, pixels), g.O);
        }

        memory.Release();
    }

    /// <summary>Rows beyond the last tile are arbitrary and are not looked at.</summary>
    private void Multiply(float* planesIn, long sizeIn, float* planesOut, long sizeOut, int outputs, int count)
    {
        for (var plane = 0; plane < 36; plane++)
        {
            var right = weights + ((long)plane * g.C * outputs);
            for (var column = 0; column < g.O; column += GemmTile.MaxColumns)
            {
                for (var row = 0; row < count; row += GemmTile.MaxRows)
                {
                    var left = new TileLines(planesIn + (plane * sizeIn) + ((long)row * g.C), g.C, 1);
                    GemmTile.Run(
                        GemmTile.MaxRows, GemmTile.MaxColumns, g.C, left, right + ((long)column * g.C), GemmTile.MaxColumns,
                        planesOut + (plane * sizeOut) + ((long)row * outputs) + column, outputs, null, add: false);
                }
            }
        }
    }

    /// <summary>One input channel a piece.</summary>
    private readonly struct WeightPieces(float* turned, ConvGeometry g, float* target) : IPieces
    {
        public void Run(int c)
        {
            var columns = GemmTile.MaxColumns;
            var outputs = PaddedOutputs(g);
            for (var column = 0; column < g.O; column += columns)
            {
                var count = Math.Min(columns, g.O - column);
                var panel = target + ((long)column * g.C) + ((long)c * columns);
                var plane = (nint)g.C * outputs;
                for (var p = 0; p < 36 && count < columns; p++) new Span<float>(panel + (p * plane), columns).Clear();
                WinogradChannels.Run(new WinogradKernel(turned + ((long)c * 9 * g.O) + column, g.O, panel, plane), count);
            }
        }
    }
}
