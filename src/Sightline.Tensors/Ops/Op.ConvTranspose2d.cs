using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Ops;

public static partial class Op
{
    /// <summary>
    /// Transposed convolution as torch.nn.functional.conv_transpose2d: the gradient of a convolution with weight w to its
    /// input, used forward (upscaling). Its own gradients are the convolution's forward and weight gradient.
    /// Output size: (H - 1) · stride - 2 · padding + dilation · (KernelH - 1) + outputPadding + 1.
    /// </summary>
    /// <param name="x">[N, H, W, I] or [N, I, H, W], as <paramref name="layout"/> says.</param>
    /// <param name="w">[I, O / groups, KernelH, KernelW].</param>
    /// <param name="b">[O], or null.</param>
    /// <param name="stride">Step between the places of the kernel.</param>
    /// <param name="padding">Pixels cut from every side of the result.</param>
    /// <param name="outputPadding">Extra rows and columns at the lower and right edge, fewer than stride.</param>
    /// <param name="dilation">Distance of the kernel's taps.</param>
    /// <param name="groups">Blocks of channels that do not mix.</param>
    /// <param name="layout">The order of the axes of x and y.</param>
    /// <exception cref="ShapeException">The sizes do not fit.</exception>
    public static Tensor ConvTranspose2d(
        Tensor x, Tensor w, Tensor? b = null, int stride = 1, int padding = 0, int outputPadding = 0, int dilation = 1, int groups = 1,
        ImageLayout layout = ImageLayout.ChannelsLast)
    {
        if (layout == ImageLayout.ChannelsFirst)
        {
            var last = Transpose(x, 0, 2, 3, 1);
            return Transpose(ConvTranspose2d(last, w, b, stride, padding, outputPadding, dilation, groups), 0, 3, 1, 2);
        }

        RequireFloat("ConvTranspose2d", x, w, b);
        if (x.Shape.Rank != 4 || w.Shape.Rank != 4 || x.Shape[3] != w.Shape[0] || stride < 1 || padding < 0 || dilation < 1 || groups < 1
            || w.Shape[0] % groups != 0 || outputPadding < 0 || outputPadding >= Math.Max(stride, dilation))
            throw new ShapeException($"ConvTranspose2d: x {x} (channels last) and weight {w} do not fit with stride {stride}, padding {padding} + {outputPadding}, {groups} groups");
        var outH = ((x.Shape[1] - 1) * stride) - (2 * padding) + (dilation * (w.Shape[2] - 1)) + outputPadding + 1;
        var outW = ((x.Shape[2] - 1) * stride) - (2 * padding) + (dilation * (w.Shape[3] - 1)) + outputPadding + 1;
        var O = w.Shape[1] * groups;
        if (outH < 1 || outW < 1) throw new ShapeException($"ConvTranspose2d: padding {padding} leaves nothing of {x} with weight {w}");
        if (b is not null && (b.Shape.Rank != 1 || b.Shape[0] != O)) throw new ShapeException($"ConvTranspose2d: the weight {w} needs a bias [{O}], got {b}");
        // the convolution whose input gradient this is: it maps y to x
        var geometry = new ConvGeometry(x.Shape[0], outH, outW, O, x.Shape[3], w.Shape[2], w.Shape[3], stride, padding, dilation, groups);
        var y = Tensor.Empty([x.Shape[0], outH, outW, O], x.DType, x.Engine);
        x.Engine.Conv2dInputGradient(x, w, geometry, y);
        if (Tape.Wants(x, w)) Tape.Add(new ConvTranspose2dNode(x, w, geometry), y);
        return b is null ? y : Add(y, b);
    }

    private sealed class ConvTranspose2dNode(Tensor x, Tensor w, ConvGeometry geometry) : TapeNode
    {
        internal override void Backward()
        {
            if (x.RequiresGrad)
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.Conv2d(OutputGrad, w, null, geometry, dx);
                Tape.Accumulate(x, dx);
            }

            if (w.RequiresGrad)
            {
                var dw = Tensor.Empty(w.Shape, w.DType, w.Engine);
                w.Engine.Conv2dWeightGradient(OutputGrad, x, geometry, dw);
                Tape.Accumulate(w, dw);
            }
        }
    }
}
