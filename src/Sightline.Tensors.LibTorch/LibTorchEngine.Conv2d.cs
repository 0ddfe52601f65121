using Sightline.Tensors.LibTorch.Native;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.LibTorch;

/// <content>Convolutions. Pictures lie channels last and are given to the library as channels-first tensors with those steps, its <c>channels_last</c> format.</content>
public sealed unsafe partial class LibTorchEngine
{
    /// <inheritdoc/>
    public override void Conv2d(Tensor x, Tensor w, Tensor? b, ConvGeometry geometry, Tensor y)
    {
        if (y.Count == 0) return;
        using var work = Work.On(this);
        var g = geometry;
        var type = ConvolutionType(x, w);
        Value? bias = b is null ? null : work.Of(b).As(type);
        var result = Convolve(work, Picture(work, x, g.N, g.H, g.W, g.C).As(type), work.Of(w).As(type), bias, g, transposed: false, [0, 0]);
        WritePicture(work, y, result, g.N, g.OutH, g.OutW, g.O);
    }

    /// <inheritdoc/>
    public override void Conv2dInputGradient(Tensor dy, Tensor w, ConvGeometry geometry, Tensor dx)
    {
        if (dx.Count == 0) return;
        using var work = Work.On(this);
        var g = geometry;
        var type = ConvolutionType(dy, w);
        // rows and columns that no place of the kernel reaches
        var (restH, restW) = (g.H - Reached(g.OutH, g.KernelH, g), g.W - Reached(g.OutW, g.KernelW, g));
        var result = Convolve(work, Picture(work, dy, g.N, g.OutH, g.OutW, g.O).As(type), work.Of(w).As(type), null, g, transposed: true, [restH, restW]);
        WritePicture(work, dx, result, g.N, g.H, g.W, g.C);
    }

    /// <inheritdoc/>
    public override void Conv2dWeightGradient(Tensor x, Tensor dy, ConvGeometry geometry, Tensor dw)
    {
        if (dw.Count == 0) return;
        if (x.Count == 0 || dy.Count == 0)
        {
            Clear(dw);
            return;
        }

        using var work = Work.On(this);
        var g = geometry;
        var type = ConvolutionType(x, dy);
        var (input, gradient) = (Picture(work, x, g.N, g.H, g.W, g.C).As(type), Picture(work, dy, g.N, g.OutH, g.OutW, g.O).As(type));
        var weight = work.Empty(type, Sizes(dw)); // only its shape counts
        var (_, result, _) = work.Call3(
            "aten::convolution_backward"u8, ""u8, gradient, input, weight, Argument.None, work.List(g.Stride, g.Stride), work.List(g.Padding, g.Padding), work.List(g.Dilation, g.Dilation),
            false, work.List(0, 0), g.Groups, work.List(false, true, false));
        work.Write(dw, result);
    }

    private static Value Convolve(Work work, Value x, Value w, Value? bias, ConvGeometry g, bool transposed, ReadOnlySpan<int> rest) => work.Call(
        "aten::convolution"u8, ""u8, x, w, work.Some(bias), work.List(g.Stride, g.Stride), work.List(g.Padding, g.Padding), work.List(g.Dilation, g.Dilation),
        transposed, work.List(rest[0], rest[1]), g.Groups);

    private static int Reached(int places, int kernel, ConvGeometry g) => ((places - 1) * g.Stride) - (2 * g.Padding) + (g.Dilation * (kernel - 1)) + 1;

    private static Value Picture(Work work, Tensor x, long N, long H, long W, long C) => work.Of(x, [N, C, H, W], [H * W * C, 1, W * C, C]);

    private static void WritePicture(Work work, Tensor target, Value value, long N, long H, long W, long C) => work.Write(target, value, [N, C, H, W], [H * W * C, 1, W * C, C]);

    private DType ConvolutionType(Tensor a, Tensor b) => a.DType == b.DType && (a.DType != DType.Float16 || Device.IsCuda) ? a.DType : DType.Float32;
}
