using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Ops;

public static partial class Op
{
    /// <summary>
    /// Two-dimensional convolution (cross-correlation) as torch.nn.functional.conv2d:
    /// y[o, i, j] = b[o] + Σ x[c, i·stride - padding + r·dilation, j·stride - padding + s·dilation] · w[o, c, r, s].
    /// Channels-last is the native order; channels-first tensors are transposed before and after. Sums in float32.
    /// </summary>
    /// <param name="x">[N, H, W, C] or [N, C, H, W], as <paramref name="layout"/> says.</param>
    /// <param name="w">[O, C / groups, KernelH, KernelW] in either layout, as in checkpoints.</param>
    /// <param name="b">[O], or null.</param>
    /// <param name="stride">Step of the kernel, both axes.</param>
    /// <param name="padding">Zeros around the picture, both axes.</param>
    /// <param name="dilation">Distance of the kernel's taps, both axes.</param>
    /// <param name="groups">Blocks of channels that do not mix; C of them is a depthwise convolution.</param>
    /// <param name="layout">The order of the axes of x and y.</param>
    /// <returns>y in the layout and element type of x.</returns>
    /// <exception cref="ShapeException">The sizes do not fit.</exception>
    public static Tensor Conv2d(
        Tensor x, Tensor w, Tensor? b = null, int stride = 1, int padding = 0, int dilation = 1, int groups = 1, ImageLayout layout = ImageLayout.ChannelsLast)
    {
        if (layout == ImageLayout.ChannelsFirst)
        {
            var last = Transpose(x, 0, 2, 3, 1);
            return Transpose(Conv2d(last, w, b, stride, padding, dilation, groups), 0, 3, 1, 2);
        }

        var geometry = CheckConv(x, w, b, stride, padding, dilation, groups);
        var y = Tensor.Empty([geometry.N, geometry.OutH, geometry.OutW, geometry.O], x.DType, x.Engine);
        x.Engine.Conv2d(x, w, b, geometry, y);
        return Tape.Wants(x, w, b) ? Tape.Add(new Conv2dNode(x, w, b, geometry), y) : y;
    }

    private static ConvGeometry CheckConv(Tensor x, Tensor w, Tensor? b, int stride, int padding, int dilation, int groups)
    {
        RequireFloat("Conv2d", x, w, b);
        if (stride < 1 || padding < 0 || dilation < 1 || groups < 1)
            throw new ShapeException($"Conv2d: stride {stride}, dilation {dilation} and groups {groups} must be positive, padding {padding} not negative");
        if (x.Shape.Rank != 4 || w.Shape.Rank != 4 || x.Shape[3] != w.Shape[1] * groups || w.Shape[0] % groups != 0)
            throw new ShapeException($"Conv2d: x {x} (channels last) and weight {w} do not fit with {groups} groups: the weight must be [O, C / groups, KernelH, KernelW]");
        if (b is not null && (b.Shape.Rank != 1 || b.Shape[0] != w.Shape[0])) throw new ShapeException($"Conv2d: the weight {w} needs a bias [{w.Shape[0]}], got {b}");
        var geometry = new ConvGeometry(x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], w.Shape[0], w.Shape[2], w.Shape[3], stride, padding, dilation, groups);
        return geometry.OutH > 0 && geometry.OutW > 0
            ? geometry
            : throw new ShapeException($"Conv2d: the picture {x} with padding {padding} is smaller than the kernel of {w} with dilation {dilation}");
    }

    private sealed class Conv2dNode(Tensor x, Tensor w, Tensor? b, ConvGeometry geometry) : TapeNode
    {
        internal override void Backward()
        {
            var dy = OutputGrad; // [N, OutH, OutW, O]
            if (x.RequiresGrad)
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.Conv2dInputGradient(dy, w, geometry, dx);
                Tape.Accumulate(x, dx);
            }

            if (w.RequiresGrad)
            {
                var dw = Tensor.Empty(w.Shape, w.DType, w.Engine);
                w.Engine.Conv2dWeightGradient(x, dy, geometry, dw);
                Tape.Accumulate(w, dw);
            }

            if (b is { RequiresGrad: true })
            {
                var db = Tape.GradBuffer(b, out var beta);
                db.Engine.BiasGradient(dy, db, beta);
                Tape.Accumulate(b, db);
            }
        }
    }
}
