using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>y by <see cref="DirectTiles"/>: a row of the result a piece. The last tile of a row overlaps the one before it.</summary>
internal readonly unsafe struct DirectForward(PaddedRows x, float* panels, float* start, float* y, ConvGeometry g) : IPieces
{
    public int Pieces => g.N * g.OutH;

    private int PaddedO => DirectTiles.RoundUp(g.O);

    /// <summary>Floats of the packed weights and the start of the sums.</summary>
    public static long WeightSize(ConvGeometry g) => (g.Taps + 1L) * DirectTiles.RoundUp(g.O);

    /// <summary>Packs weights [O, KernelH, KernelW, C] as panels of columns, each over all steps; then follows the bias or zeros, padded.</summary>
    public static void Pack(float* ordered, float* bias, ConvGeometry g, float* target)
    {
        var padded = DirectTiles.RoundUp(g.O);
        for (var n = 0; n < padded; n += GemmTile.MaxColumns)
        {
            var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, padded - n));
            new StridedLines(ordered, DType.Float32, g.Taps, 1).Pack(target + ((long)n * g.Taps), width, n, Math.Clamp(g.O - n, 0, width), 0, g.Taps);
        }

        var start = new Span<float>(target + ((long)g.Taps * padded), padded);
        start.Clear();
        if (bias is not null) new ReadOnlySpan<float>(bias, g.O).CopyTo(start);
    }

    public void Run(int piece)
    {
        var (image, oy) = Math.DivRem(piece, g.OutH);
        var patchSize = DirectTiles.Gathers(g) ? (long)g.OutW * DirectTiles.LineStride(g) : 0;
        var size = (long)g.KernelH * x.RowSize;
        var narrow = g.O != PaddedO;
        var memory = x.Rent(g.KernelH, patchSize + (narrow ? (long)g.OutW * PaddedO : 0) + GemmTile.MaxColumnsEver);
        var rows = (float*)memory.Pointer;
        x.Load(image, oy * g.Stride, g.KernelH, rows);
        var lines = rows;
        if (DirectTiles.Gathers(g))
        {
            lines = rows + size + 16;
            x.Gather(rows, g, lines);
        }

        var target = y + ((long)piece * g.OutW * g.O);
        var result = narrow ? rows + size + patchSize + GemmTile.MaxColumnsEver : target;
        Multiply(lines, result, narrow ? PaddedO : g.O);
        for (var ox = 0; ox < g.OutW && narrow; ox++) new ReadOnlySpan<float>(result + (ox * PaddedO), g.O).CopyTo(new Span<float>(target + (ox * g.O), g.O));
        memory.Release();
    }

    private void Multiply(float* lines, float* result, nint ldc)
    {
        nint line = DirectTiles.LineStride(g);
        var steps = DirectTiles.RunLength(g);
        for (var n = 0; n < PaddedO; n += GemmTile.MaxColumns)
        {
            var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, PaddedO - n));
            for (var ox = 0; ox < g.OutW;)
            {
                var height = DirectTiles.Height(g.OutW - ox, g.OutW);
                var first = Math.Min(ox, g.OutW - height);
                for (var r = 0; r < DirectTiles.Runs(g); r++)
                {
                    var left = new TileLines(lines + ((long)r * x.RowSize) + (first * line), line, 1);
                    var right = panels + ((long)n * g.Taps) + ((long)r * steps * width);
                    GemmTile.Run(height, width, steps, left, right, width, result + (first * ldc) + n, ldc, start + n, add: r > 0);
                }

                ox = first + height;
            }
        }
    }
}
