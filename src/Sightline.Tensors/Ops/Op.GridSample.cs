using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>Bilinear samples of x [N, C, H, W] at grid [N, Ho, Wo, 2] (x, y in -1..1), zero outside. Float32.</summary>
        public abstract void GridSample(Tensor x, Tensor grid, Tensor y, bool alignCorners);

        /// <summary>Gradients of <see cref="GridSample"/>; those that are null are not wanted.</summary>
        public abstract void GridSampleBackward(Tensor x, Tensor grid, Tensor dy, Tensor? dx, Tensor? dGrid, bool alignCorners);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Sampling at given places.</content>
    public static partial class Op
    {
        /// <summary>Bilinear sampling with zeros outside, as torch.nn.functional.grid_sample.</summary>
        /// <param name="x">[N, C, H, W]</param>
        /// <param name="grid">[N, Ho, Wo, 2]: (x, y), -1 the left or upper and 1 the right or lower end.</param>
        /// <param name="alignCorners">Whether the ends are the centres of the outermost pixels or their outer edges.</param>
        /// <returns>[N, C, Ho, Wo]</returns>
        public static Tensor GridSample(Tensor x, Tensor grid, bool alignCorners = false)
        {
            if (x.Shape.Rank != 4 || grid.Shape.Rank != 4 || grid.Shape[3] != 2 || grid.Shape[0] != x.Shape[0])
                throw new ShapeException($"GridSample: expected x [N, C, H, W] and grid [N, Ho, Wo, 2], got {x} and {grid}");
            if (x.DType != DType.Float32) return Cast(GridSample(Cast(x, DType.Float32), grid, alignCorners), x.DType);
            grid = Cast(grid, DType.Float32);
            var y = Tensor.Empty([x.Shape[0], x.Shape[1], grid.Shape[1], grid.Shape[2]], DType.Float32, x.Engine);
            x.Engine.GridSample(x, grid, y, alignCorners);
            return Tape.Wants(x, grid) ? Tape.Add(new GridSampleNode(x, grid, alignCorners), y) : y;
        }

        private sealed class GridSampleNode(Tensor x, Tensor grid, bool alignCorners) : TapeNode
        {
            internal override void Backward()
            {
                var (dx, dGrid) = (EmptyGrad(x), EmptyGrad(grid));
                x.Engine.GridSampleBackward(x, grid, OutputGrad, dx, dGrid, alignCorners);
                AccumulateIf(x, dx);
                AccumulateIf(grid, dGrid);
            }
        }
    }
}
