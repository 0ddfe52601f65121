using Sightline.Tensors.Cpu.Convolution;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void Conv2d(Tensor x, Tensor w, Tensor? b, ConvGeometry g, Tensor y)
    {
        if (y.Count == 0) return;
        using var weights = new WideCopy(w);
        using var bias = new WideBias(b);
        using var ordered = new FloatBlock(w.Count);
        using var result = new WideResult(y);
        if (UsesDepthwise(g))
        {
            WeightOrder.Run(weights.Data, g, ordered.Data, WeightOrder.Kind.Taps);
            using var picture = new WideCopy(x);
            var depthwise = new Depthwise(picture.Data, ordered.Data, bias.Data, result.Data, g, gradient: false);
            Parallel(ref depthwise, depthwise.Pieces);
            return;
        }

        if (WinogradTiles.Suits(g))
        {
            using var picture = new WideCopy(x);
            WeightOrder.Run(weights.Data, g, ordered.Data, WeightOrder.Kind.Turned);
            Winograd(picture.Data, ordered.Data, bias.Data, g, result.Data);
            return;
        }

        WeightOrder.Run(weights.Data, g, ordered.Data, WeightOrder.Kind.Patches);
        if (DirectTiles.Suits(g))
        {
            using var picture = new WideCopy(x);
            using var panels = new FloatBlock(DirectForward.WeightSize(g));
            DirectForward.Pack(ordered.Data, bias.Data, g, panels.Data);
            var forward = new DirectForward(Padded(picture.Data, g), panels.Data, panels.Data + DirectForward.WeightSize(g) - DirectTiles.RoundUp(g.O), result.Data, g);
            Parallel(ref forward, forward.Pieces);
            return;
        }

        for (var group = 0; group < g.Groups; group++)
        {
            var columns = new StridedLines(ordered.Data + ((long)group * g.GroupO * g.Taps), DType.Float32, g.Taps, 1);
            var start = bias.Data is null ? null : bias.Data + (group * g.GroupO);
            var target = result.Data + (group * g.GroupO);
            if (g.IsPointwise) Gemm.Gemm.Run(g.OutPixels, g.GroupO, g.Taps, new StridedLines(x.Data, x.DType, g.C, 1), columns, target, g.O, start, add: false);
            else Gemm.Gemm.Run(g.OutPixels, g.GroupO, g.Taps, new PatchLines(new PatchReader(x.Data, x.DType, g, group)), columns, target, g.O, start, add: false);
        }
    }

    /// <inheritdoc/>
    public override unsafe void Conv2dInputGradient(Tensor dy, Tensor w, ConvGeometry g, Tensor dx)
    {
        if (dx.Count == 0) return;
        using var weights = new WideCopy(w);
        using var ordered = new FloatBlock(w.Count);
        if (UsesDepthwise(g))
        {
            WeightOrder.Run(weights.Data, g, ordered.Data, WeightOrder.Kind.Taps);
            using var slope = new WideCopy(dy);
            using var result = new WideResult(dx);
            var depthwise = new Depthwise(slope.Data, ordered.Data, null, result.Data, g, gradient: true);
            Parallel(ref depthwise, depthwise.Pieces);
        }
        else if (WinogradTiles.Suits(g) && WinogradTiles.Suits(Back(g)))
        {
            // [O, 9, C] is the turned form of the kernel that carries gradients back
            WeightOrder.Run(weights.Data, g, ordered.Data, WeightOrder.Kind.Patches);
            using var slope = new WideCopy(dy);
            using var result = new WideResult(dx);
            Winograd(slope.Data, ordered.Data, null, Back(g), result.Data);
        }
        else if (DirectTiles.SuitsInputGradient(g))
        {
            WeightOrder.Run(weights.Data, g, ordered.Data, WeightOrder.Kind.Turned);
            DirectInputGradient(dy, ordered.Data, g, dx);
        }
        else if (g.Stride == 1 && g.Padding <= g.Dilation * (g.KernelH - 1) && g.KernelH == g.KernelW)
        {
            WeightOrder.Run(weights.Data, g, ordered.Data, WeightOrder.Kind.Turned);
            TurnedConvolution(dy, ordered.Data, g, dx);
        }
        else
        {
            WeightOrder.Run(weights.Data, g, ordered.Data, WeightOrder.Kind.Patches);
            ScatterPatches(dy, ordered.Data, g, dx);
        }
    }

    /// <inheritdoc/>
    public override unsafe void Conv2dWeightGradient(Tensor x, Tensor dy, ConvGeometry g, Tensor dw)
    {
        if (dw.Count == 0) return;
        using var ordered = new FloatBlock(dw.Count);
        using var result = new WideResult(dw);
        if (UsesDepthwise(g))
        {
            DepthwiseWeightGradient(x, dy, g, ordered.Data);
            WeightOrder.Run(ordered.Data, g, result.Data, WeightOrder.Kind.FromTaps);
            return;
        }

        if (WinogradTiles.Suits(g))
        {
            using var picture = new WideCopy(x);
            using var slope = new WideCopy(dy);
            WinogradWeights.Run(picture.Data, slope.Data, g, ordered.Data);
            WeightOrder.Run(ordered.Data, g, result.Data, WeightOrder.Kind.FromPatches);
            return;
        }

        if (DirectTiles.Suits(g))
        {
            DirectWeightGradient(x, dy, g, ordered.Data);
            WeightOrder.Run(ordered.Data, g, result.Data, WeightOrder.Kind.FromPatches);
            return;
        }

        for (var group = 0; group < g.Groups; group++)
        {
            var lines = new StridedLines((byte*)dy.Data + ((long)group * g.GroupO * dy.DType.Size()), dy.DType, 1, g.O);
            var target = ordered.Data + ((long)group * g.GroupO * g.Taps);
            if (g.IsPointwise) Gemm.Gemm.Run(g.GroupO, g.Taps, g.OutPixels, lines, new StridedLines(x.Data, x.DType, 1, g.C), target, g.Taps, null, add: false);
            else Gemm.Gemm.Run(g.GroupO, g.Taps, g.OutPixels, lines, new PatchSteps(new PatchReader(x.Data, x.DType, g, group)), target, g.Taps, null, add: false);
        }

        WeightOrder.Run(ordered.Data, g, result.Data, WeightOrder.Kind.FromPatches);
    }

    /// <summary>The convolution that carries gradients back through one with stride 1.</summary>
    private static ConvGeometry Back(ConvGeometry g) =>
        new(g.N, g.OutH, g.OutW, g.O, g.C, g.KernelH, g.KernelW, 1, (g.Dilation * (g.KernelH - 1)) - g.Padding, g.Dilation, g.Groups);

    private static unsafe void Winograd(float* x, float* turned, float* bias, ConvGeometry g, float* y)
    {
        using var weights = new FloatBlock(WinogradForward.WeightSize(g));
        WinogradForward.TransformWeights(turned, g, weights.Data);
        var forward = new WinogradForward(x, weights.Data, bias, y, g);
        Parallel(ref forward, forward.Pieces);
    }

    private static unsafe PaddedRows Padded(float* x, ConvGeometry g) => new(x, g.H, g.W, g.C, g.Padding, g.Padding);

    private static unsafe void DirectWeightGradient(Tensor x, Tensor dy, ConvGeometry g, float* target)
    {
        using var picture = new WideCopy(x);
        using var slope = new WideCopy(dy);
        var padded = Padded(picture.Data, g);
        var work = new DirectWeights(padded, slope.Data, null, g);
        using var sums = new FloatBlock(work.Pieces * work.Size);
        work = new DirectWeights(padded, slope.Data, sums.Data, g);
        Parallel(ref work, work.Pieces);
        var total = new DirectWeights.Total(work, g, sums.Data, target);
        Parallel(ref total, g.O);
    }

    private static unsafe void DirectInputGradient(Tensor dy, float* turned, ConvGeometry g, Tensor dx)
    {
        using var slope = new WideCopy(dy);
        using var result = new WideResult(dx);
        var low = DirectInputs.Low(g);
        using var panels = new FloatBlock(DirectInputs.WeightSize(g));
        DirectInputs.Pack(turned, g, panels.Data);
        var inputs = new DirectInputs(new PaddedRows(slope.Data, g.OutH, g.OutW, g.O, low, DirectInputs.High(g)), low, panels.Data, result.Data, g);
        Parallel(ref inputs, inputs.Pieces);
    }

    private static bool UsesDepthwise(ConvGeometry g) => g.IsDepthwise && g.KernelH * g.KernelW <= Depthwise.MaxTaps;

    /// <summary>With stride 1 the gradient to the input is a convolution of dy with the turned kernel, channels exchanged.</summary>
    private static unsafe void TurnedConvolution(Tensor dy, float* turned, ConvGeometry g, Tensor dx)
    {
        var back = Back(g);
        using var result = new WideResult(dx);
        for (var group = 0; group < g.Groups; group++)
        {
            var columns = new StridedLines(turned + ((long)group * back.GroupO * back.Taps), DType.Float32, back.Taps, 1);
            var target = result.Data + (group * back.GroupO);
            if (back.IsPointwise) Gemm.Gemm.Run(back.OutPixels, back.GroupO, back.Taps, new StridedLines(dy.Data, dy.DType, back.C, 1), columns, target, back.O, null, add: false);
            else Gemm.Gemm.Run(back.OutPixels, back.GroupO, back.Taps, new PatchLines(new PatchReader(dy.Data, dy.DType, back, group)), columns, target, back.O, null, add: false);
        }
    }

    /// <summary>Image by image: the gradients of all patches as a matrix product, then summed into the picture.</summary>
    private static unsafe void ScatterPatches(Tensor dy, float* ordered, ConvGeometry g, Tensor dx)
    {
        var pixels = g.OutH * g.OutW;
        var width = (long)g.Taps * g.Groups;
        using var patches = new FloatBlock(pixels * width);
        for (var image = 0; image < g.N; image++)
        {
            for (var group = 0; group < g.Groups; group++)
            {
                var offset = ((long)image * pixels * g.O) + (group * g.GroupO);
                var lines = new StridedLines((byte*)dy.Data + (offset * dy.DType.Size()), dy.DType, g.O, 1);
                var columns = new StridedLines(ordered + ((long)group * g.GroupO * g.Taps), DType.Float32, 1, g.Taps);
                Gemm.Gemm.Run(pixels, g.Taps, g.GroupO, lines, columns, patches.Data + (group * g.Taps), (nint)width, null, add: false);
            }

            var scatter = new PatchScatter(patches.Data, g, (byte*)dx.Data + ((long)image * g.H * g.W * g.C * dx.DType.Size()), dx.DType);
            Parallel(ref scatter, g.H);
        }
    }

    private static unsafe void DepthwiseWeightGradient(Tensor x, Tensor dy, ConvGeometry g, float* target)
    {
        using var picture = new WideCopy(x);
        using var slope = new WideCopy(dy);
        var work = new DepthwiseWeights(picture.Data, slope.Data, null, g);
        var size = (long)g.KernelH * g.KernelW * g.C;
        using var partial = new FloatBlock(size * work.Pieces);
        work = new DepthwiseWeights(picture.Data, slope.Data, partial.Data, g);
        Parallel(ref work, work.Pieces);
        var sum = new ColumnSums((byte*)partial.Data, DType.Float32, work.Pieces, checked((int)size), (byte*)target, DType.Float32, false);
        Parallel(ref sum, PieceCount(size, ColumnSums.Width));
    }
}
