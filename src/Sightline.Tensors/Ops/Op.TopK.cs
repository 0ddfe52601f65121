using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>The k largest elements of each row of the last axis, descending (the earlier one first where equal; NaN counts as largest), and their int64 positions.</summary>
        public abstract void TopK(Tensor x, Tensor values, Tensor indices, int k);

        /// <summary>dx [rows, C] = 0 except dx[row, indices[row, i]] = dy[row, i].</summary>
        public abstract void TopKBackward(Tensor indices, Tensor dy, Tensor dx);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>The largest elements.</content>
    public static partial class Op
    {
        /// <summary>The k largest elements of the last axis, descending, and where they are; the gradient goes back to those places.</summary>
        /// <param name="x">[..., C]</param>
        /// <param name="k">At most C.</param>
        /// <returns>Values [..., k] and int64 indices [..., k].</returns>
        public static (Tensor Values, Tensor Indices) TopK(Tensor x, int k)
        {
            RequireFloat("TopK", x);
            if (x.Shape.Rank == 0 || k < 0 || k > x.Shape[^1]) throw new ShapeException($"TopK: {k} of the last axis of {x}");
            var values = Tensor.Empty(x.Shape.WithLast(k), x.DType, x.Engine);
            var indices = Tensor.Empty(x.Shape.WithLast(k), DType.Int64, x.Engine);
            x.Engine.TopK(x, values, indices, k);
            return (Tape.Wants(x) ? Tape.Add(new TopKNode(x, indices), values) : values, indices);
        }

        private sealed class TopKNode(Tensor x, Tensor indices) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.TopKBackward(indices, OutputGrad, dx);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
