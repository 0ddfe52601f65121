using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// dx of a convolution with stride s by <see cref="DirectTiles"/>: the pixels of each of the s · s phases see the same taps, at places of dy beside each other, so
/// every phase is a convolution with stride 1. A row of dx a piece.
/// </summary>
internal readonly unsafe struct DirectInputs(PaddedRows dy, int low, float* panels, float* dx, ConvGeometry g) : IPieces
{
    public int Pieces => g.N * g.H;

    private int PaddedC => (g.C + 15) / 16 * 16;

    /// <summary>Floats of the packed weights of all phases.</summary>
    public static long WeightSize(ConvGeometry g) => (long)g.KernelH * g.KernelW * g.O * ((g.C + 15) / 16 * 16);

    /// <summary>Zeros before the first row and column of dy that a phase looks at.</summary>
    public static int Low(ConvGeometry g) => Math.Max(0, Math.Max(g.KernelH, g.KernelW) - 1 - g.Padding + g.Stride - 1) / g.Stride;

    /// <summary>Zeros after the last column of dy.</summary>
    public static int High(ConvGeometry g) => Math.Max(0, ((g.W - 1 + g.Padding) / g.Stride) - (g.OutW - 1));

    /// <summary>Packs weights [C, taps turned, O] phase by phase: steps are taps from the last to the first, then O.</summary>
    public static void Pack(float* turned, ConvGeometry g, float* target)
    {
        var padded = (g.C + 15) / 16 * 16;
        using var lines = new FloatBlock((long)g.C * g.KernelH * g.KernelW * g.O);
        for (var phase = 0; phase < g.Stride * g.Stride; phase++)
        {
            var steps = 0;
            for (var r = LastTap(phase / g.Stride, g.KernelH, g); r >= 0; r -= g.Stride)
            {
                for (var s = LastTap(phase % g.Stride, g.KernelW, g); s >= 0; s -= g.Stride, steps += g.O)
                {
                    var tap = ((g.KernelH - 1 - r) * g.KernelW) + g.KernelW - 1 - s;
                    for (var c = 0; c < g.C; c++)
                    {
                        var from = turned + ((((long)c * g.KernelH * g.KernelW) + tap) * g.O);
                        Buffer.MemoryCopy(from, lines.Data + ((long)c * g.KernelH * g.KernelW * g.O) + steps, g.O * sizeof(float), g.O * sizeof(float));
                    }
                }
            }

            for (var n = 0; n < g.C; n += GemmTile.MaxColumns)
            {
                var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, padded - n));
                var count = Math.Clamp(g.C - n, 0, width);
                new StridedLines(lines.Data, DType.Float32, (nint)g.KernelH * g.KernelW * g.O, 1).Pack(target + ((long)n * steps), width, n, count, 0, steps);
            }

            target += (long)steps * padded;
        }
    }

    public void Run(int piece)
    {
        var (image, iy) = Math.DivRem(piece, g.H);
        var memory = g.C == PaddedC ? null : NativePool.Shared.Rent(((long)g.W / g.Stride + 1) * PaddedC * sizeof(float));
        var firstR = LastTap(iy % g.Stride, g.KernelH, g);
        var rows = (firstR / g.Stride) + 1;
        var slopes = dy.Rent(rows);
        dy.Load(image, ((iy + g.Padding - firstR) / g.Stride) + low, rows, (float*)slopes.Pointer);
        var right = panels;
        for (var phase = 0; phase < g.Stride * g.Stride; phase++)
        {
            var taps = CountTaps(phase / g.Stride, g.KernelH) * CountTaps(phase % g.Stride, g.KernelW);
            if (phase / g.Stride == iy % g.Stride)
            {
                var b = phase % g.Stride;
                var pixels = (g.W - b + g.Stride - 1) / g.Stride;
                var row = dx + ((((long)piece * g.W) + b) * g.C);
                var (target, ldc) = memory is null ? ((nint)row, (nint)g.Stride * g.C) : ((nint)memory.Pointer, PaddedC);
                Multiply((float*)slopes.Pointer, rows, b, pixels, right, taps, (float*)target, ldc);
                for (var u = 0; u < pixels && memory is not null; u++)
                    Buffer.MemoryCopy((float*)target + (u * ldc), row + ((long)u * g.Stride * g.C), g.C * sizeof(float), g.C * sizeof(float));
            }

            right += (long)taps * g.O * PaddedC;
        }

        slopes.Release();
        memory?.Release();
    }

    /// <summary>The largest tap that a phase sees.</summary>
    private static int LastTap(int phase, int kernel, ConvGeometry g) => kernel - 1 - ((kernel - 1 - phase - g.Padding + (kernel * g.Stride)) % g.Stride);

    private int CountTaps(int phase, int kernel) => (LastTap(phase, kernel, g) / g.Stride) + 1;

    private void Multiply(float* slopes, int rows, int b, int pixels, float* right, int taps, float* target, nint ldc)
    {
        var firstS = LastTap(b, g.KernelW, g);
        var run = ((firstS / g.Stride) + 1) * g.O;
        // exact: the phase sees this tap
        var ox = ((b + g.Padding - firstS) / g.Stride) + low;
        for (var n = 0; n < PaddedC; n += GemmTile.MaxColumns)
        {
            var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, PaddedC - n));
            for (var u = 0; u < pixels;)
            {
                var height = DirectTiles.Height(pixels - u, pixels);
                var start = Math.Min(u, pixels - height);
                for (var j = 0; j < rows; j++)
                {
                    var left = new TileLines(slopes + ((long)j * dy.RowSize) + ((ox + start) * g.O), g.O, 1);
                    GemmTile.Run(height, width, run, left, right + ((long)n * taps * g.O) + ((long)j * run * width), width, target + (start * ldc) + n, ldc, null, add: j > 0);
                }

                u = start + height;
            }
        }
    }
}
