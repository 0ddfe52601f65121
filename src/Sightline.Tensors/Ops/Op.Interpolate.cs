using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>Resizes the last two axes of x [N, C, H, W] to those of y. Float32.</summary>
        public abstract void Interpolate(Interpolation mode, Tensor x, Tensor y, bool alignCorners, bool antialias);

        /// <summary>dx of <see cref="Interpolate"/>: the transpose of that linear map.</summary>
        public abstract void InterpolateBackward(Interpolation mode, Tensor dy, Tensor dx, bool alignCorners, bool antialias);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <summary>How a feature map is resized.</summary>
    public enum Interpolation : byte
    {
        /// <summary>The pixel at floor(i · in / out).</summary>
        Nearest,

        /// <summary>Two pixels an axis.</summary>
        Bilinear,

        /// <summary>Four pixels an axis (Keys' cubic, a = -0.75; with antialiasing -0.5).</summary>
        Bicubic,
    }

    /// <content>Resizing of feature maps.</content>
    public static partial class Op
    {
        /// <summary>Resizes the last two axes, as torch.nn.functional.interpolate.</summary>
        /// <param name="x">[N, C, H, W]</param>
        /// <param name="height">New H.</param>
        /// <param name="width">New W.</param>
        /// <param name="mode">How.</param>
        /// <param name="alignCorners">Whether the centres of the outermost pixels or their outer edges stay in place. Not for nearest.</param>
        /// <param name="antialias">Widens the filter when shrinking. Bilinear and bicubic without <paramref name="alignCorners"/> only.</param>
        public static Tensor Interpolate(Tensor x, int height, int width, Interpolation mode, bool alignCorners = false, bool antialias = false)
        {
            RequireFloat("Interpolate", x);
            if (x.Shape.Rank != 4 || height < 1 || width < 1 || x.Shape[2] < 1 || x.Shape[3] < 1) throw new ShapeException($"Interpolate: {x} to {height} x {width}");
            if (x.DType != DType.Float32) return Cast(Interpolate(Cast(x, DType.Float32), height, width, mode, alignCorners, antialias), x.DType);
            var y = Tensor.Empty([x.Shape[0], x.Shape[1], height, width], DType.Float32, x.Engine);
            x.Engine.Interpolate(mode, x, y, alignCorners, antialias);
            return Tape.Wants(x) ? Tape.Add(new InterpolateNode(mode, x, alignCorners, antialias), y) : y;
        }

        private sealed class InterpolateNode(Interpolation mode, Tensor x, bool alignCorners, bool antialias) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.InterpolateBackward(mode, OutputGrad, dx, alignCorners, antialias);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
