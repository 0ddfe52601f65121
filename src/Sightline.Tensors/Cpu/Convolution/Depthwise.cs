using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// One filter a channel, channels last, float32: a row of the result a piece. For each pixel the taps inside the picture are
/// listed once, then channels run through the lanes. The gradient to the input has the same form with other taps.
/// </summary>
internal readonly unsafe struct Depthwise(float* x, float* taps, float* bias, float* y, ConvGeometry g, bool gradient) : IPieces
{
    /// <summary>Most taps of a kernel that the lists have room for.</summary>
    public const int MaxTaps = 256;

    public int Pieces => g.N * (gradient ? g.H : g.OutH);

    [SkipLocalsInit]
    public void Run(int piece)
    {
        var (rows, columns) = gradient ? (g.H, g.W) : (g.OutH, g.OutW);
        var (image, row) = Math.DivRem(piece, rows);
        var sources = stackalloc float*[MaxTaps];
        var weights = stackalloc float*[MaxTaps];
        var (firstWhole, endWhole) = g.Stride == 1 ? WholeColumns(columns) : (0, 0);
        for (var column = 0; column < columns; column++)
        {
            if (column >= firstWhole && column <= endWhole - PixelRun.Length)
            {
                // all taps of these pixels lie inside their rows: the list of the first serves them all
                var taps = gradient ? ListOutputs(image, row, column, sources, weights) : ListInputs(image, row, column, sources, weights);
                var run = new PixelRun(sources, weights, taps, bias, y + ((((long)piece * columns) + column) * g.C), g.C);
                run.Run();
                column += PixelRun.Length - 1;
                continue;
            }

            var count = gradient ? ListOutputs(image, row, column, sources, weights) : ListInputs(image, row, column, sources, weights);
            var kernel = new SumTaps(sources, weights, count, bias, y + ((((long)piece * columns) + column) * g.C), g.C);
            kernel.Run();
        }
    }

    /// <summary>The columns of which every tap is inside the picture, with stride 1.</summary>
    private (int First, int End) WholeColumns(int columns)
    {
        var reach = g.Dilation * (g.KernelW - 1);
        var before = gradient ? reach - g.Padding : g.Padding;
        var width = gradient ? g.OutW : g.W;
        return (Math.Max(0, before), Math.Min(columns, width - reach + before));
    }

    private int ListInputs(int image, int oy, int ox, float** sources, float** weights)
    {
        var count = 0;
        for (var r = 0; r < g.KernelH; r++)
        {
            var iy = (oy * g.Stride) - g.Padding + (r * g.Dilation);
            if ((uint)iy >= (uint)g.H) continue;
            for (var s = 0; s < g.KernelW; s++)
            {
                var ix = (ox * g.Stride) - g.Padding + (s * g.Dilation);
                if ((uint)ix >= (uint)g.W) continue;
                sources[count] = x + (((((long)image * g.H) + iy) * g.W) + ix) * g.C;
                weights[count++] = taps + ((long)((r * g.KernelW) + s) * g.C);
            }
        }

        return count;
    }

    private int ListOutputs(int image, int iy, int ix, float** sources, float** weights)
    {
        var count = 0;
        for (var r = 0; r < g.KernelH; r++)
        {
            var (oy, restY) = Math.DivRem(iy + g.Padding - (r * g.Dilation), g.Stride);
            if (restY != 0 || (uint)oy >= (uint)g.OutH) continue;
            for (var s = 0; s < g.KernelW; s++)
            {
                var (ox, restX) = Math.DivRem(ix + g.Padding - (s * g.Dilation), g.Stride);
                if (restX != 0 || (uint)ox >= (uint)g.OutW) continue;
                sources[count] = x + (((((long)image * g.OutH) + oy) * g.OutW) + ox) * g.C;
                weights[count++] = taps + ((long)((r * g.KernelW) + s) * g.C);
            }
        }

        return count;
    }

    /// <summary>As <see cref="SumTaps"/> for pixels beside each other, whose sources are beside each other too: each weight is read once for all.</summary>
    private readonly struct PixelRun(float** sources, float** weights, int count, float* bias, float* y, int C)
    {
        public const int Length = 6;

        public void Run()
        {
            var c = 0;
            if (System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated) c = RunLanes<Twice<Lane16>>(c);
            if (System.Runtime.Intrinsics.Vector256.IsHardwareAccelerated) c = RunLanes<Lane8>(c);
            if (System.Runtime.Intrinsics.Vector128.IsHardwareAccelerated) c = RunLanes<Lane4>(c);
            RunLanes<Lane1>(c);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private int RunLanes<V>(int c)
            where V : struct, ILanes<V>
        {
            for (; c <= C - V.Count; c += V.Count)
            {
                var s0 = bias is null ? V.Create(0f) : V.Load(bias + c);
                var (s1, s2, s3, s4, s5) = (s0, s0, s0, s0, s0);
                for (var i = 0; i < count; i++)
                {
                    var w = V.Load(weights[i] + c);
                    var x = sources[i] + c;
                    s0 = V.Fma(V.Load(x), w, s0);
                    s1 = V.Fma(V.Load(x + C), w, s1);
                    s2 = V.Fma(V.Load(x + (2 * C)), w, s2);
                    s3 = V.Fma(V.Load(x + (3 * C)), w, s3);
                    s4 = V.Fma(V.Load(x + (4 * C)), w, s4);
                    s5 = V.Fma(V.Load(x + (5 * C)), w, s5);
                }

                s0.Store(y + c);
                s1.Store(y + C + c);
                s2.Store(y + (2 * C) + c);
                s3.Store(y + (3 * C) + c);
                s4.Store(y + (4 * C) + c);
                s5.Store(y + (5 * C) + c);
            }

            return c;
        }
    }

    /// <summary>y[c] = bias[c] + Σ source[c] · weight[c] over the listed taps, in their order.</summary>
    private readonly struct SumTaps(float** sources, float** weights, int count, float* bias, float* y, int C)
    {
        public void Run()
        {
            var c = 0;
            if (System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated) c = RunLanes<Twice<Lane16>>(c);
            if (System.Runtime.Intrinsics.Vector256.IsHardwareAccelerated) c = RunLanes<Twice<Lane8>>(c);
            if (System.Runtime.Intrinsics.Vector128.IsHardwareAccelerated) c = RunLanes<Lane4>(c);
            RunLanes<Lane1>(c);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private int RunLanes<V>(int c)
            where V : struct, ILanes<V>
        {
            for (; c <= C - V.Count; c += V.Count)
            {
                var sum = bias is null ? V.Create(0f) : V.Load(bias + c);
                for (var i = 0; i < count; i++) sum = V.Fma(V.Load(sources[i] + c), V.Load(weights[i] + c), sum);
                sum.Store(y + c);
            }

            return c;
        }
    }
}

/// <summary>
/// dw of a depthwise convolution: for a run of rows of one image a piece, partial[tap, c] = Σ dy[c] · x[c]; the partial sums of
/// all pieces are then added in order.
/// </summary>
internal readonly unsafe struct DepthwiseWeights(float* x, float* dy, float* partial, ConvGeometry g) : IPieces
{
    private const int RowsAtOnce = 16;

    private int RunsPerImage => CpuEngine.PieceCount(g.OutH, RowsAtOnce);

    public int Pieces => g.N * RunsPerImage;

    public void Run(int piece)
    {
        var (image, run) = Math.DivRem(piece, RunsPerImage);
        var sums = partial + ((long)piece * g.KernelH * g.KernelW * g.C);
        for (var r = 0; r < g.KernelH; r++)
        {
            for (var s = 0; s < g.KernelW; s++)
            {
                var tap = new TapSum(this, image, run * RowsAtOnce, r, s, sums + ((long)((r * g.KernelW) + s) * g.C));
                tap.Run();
            }
        }
    }

    private readonly struct TapSum(DepthwiseWeights work, int image, int firstRow, int r, int s, float* sums)
    {
        public void Run()
        {
            var c = 0;
            if (System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated) c = RunLanes<Twice<Lane16>>(c);
            if (System.Runtime.Intrinsics.Vector256.IsHardwareAccelerated) c = RunLanes<Twice<Lane8>>(c);
            if (System.Runtime.Intrinsics.Vector128.IsHardwareAccelerated) c = RunLanes<Lane4>(c);
            RunLanes<Lane1>(c);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private int RunLanes<V>(int c)
            where V : struct, ILanes<V>
        {
            var g = work.Geometry;
            // output columns whose tap s lies inside the picture
            var low = Math.Max(0, (g.Padding - (s * g.Dilation) + g.Stride - 1) / g.Stride);
            var high = Math.Min(g.OutW - 1, FloorDiv(g.W - 1 + g.Padding - (s * g.Dilation), g.Stride));
            for (; c <= g.C - V.Count; c += V.Count)
            {
                var sum = V.Create(0f);
                for (var oy = firstRow; oy < Math.Min(firstRow + RowsAtOnce, g.OutH); oy++)
                {
                    var iy = (oy * g.Stride) - g.Padding + (r * g.Dilation);
                    if ((uint)iy >= (uint)g.H) continue;
                    var a = work.Gradient + ((((((long)image * g.OutH) + oy) * g.OutW) + low) * g.C) + c;
                    var b = work.Picture + ((((((long)image * g.H) + iy) * g.W) + (low * g.Stride) - g.Padding + (s * g.Dilation)) * g.C) + c;
                    for (var ox = low; ox <= high; ox++, a += g.C, b += (long)g.C * g.Stride) sum = V.Fma(V.Load(a), V.Load(b), sum);
                }

                sum.Store(sums + c);
            }

            return c;
        }

        private static int FloorDiv(int a, int b) => a >= 0 ? a / b : -((-a + b - 1) / b);
    }

    private ConvGeometry Geometry => g;

    private float* Gradient => dy;

    private float* Picture => x;
}
