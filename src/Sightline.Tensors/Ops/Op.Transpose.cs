using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>y[i_0, i_1, ...] = x with axis k of y being axis <paramref name="axes"/>[k] of x. Any element type.</summary>
        public abstract void Permute(Tensor x, Tensor y, ReadOnlySpan<int> axes);

        /// <summary>y = x repeated along the axes that it lacks or has with size 1. Any element type.</summary>
        public abstract void Expand(Tensor x, Tensor y);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Reordering and repeating axes. Both copy.</content>
    public static partial class Op
    {
        /// <summary>Axis k of the result is axis <paramref name="axes"/>[k] of x. Without axes: the last two change places.</summary>
        /// <exception cref="ShapeException">The axes are not a permutation.</exception>
        public static Tensor Transpose(Tensor x, params ReadOnlySpan<int> axes)
        {
            var rank = x.Shape.Rank;
            Span<int> order = stackalloc int[rank];
            if (axes.Length == 0)
            {
                if (rank < 2) throw new ShapeException($"Transpose: {x} has fewer than two axes");
                for (var i = 0; i < rank; i++) order[i] = i;
                (order[^1], order[^2]) = (order[^2], order[^1]);
            }
            else
            {
                if (axes.Length != rank) throw new ShapeException($"Transpose: {axes.Length} axes for {x}");
                for (var i = 0; i < rank; i++) order[i] = ResolveAxis("Transpose", x, axes[i]);
            }

            Span<int> sizes = stackalloc int[rank];
            var seen = 0;
            for (var i = 0; i < rank; i++)
            {
                sizes[i] = x.Shape[order[i]];
                seen |= 1 << order[i];
            }

            if (seen != (1 << rank) - 1) throw new ShapeException($"Transpose: [{string.Join(", ", axes.ToArray())}] is no permutation of the axes of {x}");
            var y = Tensor.Empty(new Shape(sizes), x.DType, x.Engine);
            x.Engine.Permute(x, y, order);
            return Tape.Wants(x) ? Tape.Add(new TransposeNode(x, order), y) : y;
        }

        /// <summary>x repeated along the axes that it lacks or has with size 1 (NumPy's broadcast_to, as a copy).</summary>
        public static Tensor Expand(Tensor x, Shape shape)
        {
            if (!Broadcast.Fits(x.Shape, shape)) throw new ShapeException($"Expand: {x} cannot be repeated to {shape}");
            var y = Tensor.Empty(shape, x.DType, x.Engine);
            x.Engine.Expand(x, y);
            return Tape.Wants(x) ? Tape.Add(new ExpandNode(x), y) : y;
        }

        /// <summary>The same values in another element type; the gradient comes back in that of x.</summary>
        public static Tensor Cast(Tensor x, DType type)
        {
            if (x.DType == type) return x;
            var y = Tensor.Empty(x.Shape, type, x.Engine);
            x.Engine.Cast(x, y);
            return type.IsFloat() && Tape.Wants(x) ? Tape.Add(new CastNode(x), y) : y;
        }

        private sealed class TransposeNode : TapeNode
        {
            private readonly Tensor _x;
            private readonly Shape _inverse;

            public TransposeNode(Tensor x, ReadOnlySpan<int> order)
            {
                _x = x;
                Span<int> inverse = stackalloc int[order.Length];
                for (var i = 0; i < order.Length; i++) inverse[order[i]] = i;
                _inverse = new Shape(inverse);
            }

            internal override void Backward()
            {
                Span<int> axes = stackalloc int[_inverse.Rank];
                for (var i = 0; i < axes.Length; i++) axes[i] = _inverse[i];
                var dx = Tensor.Empty(_x.Shape, _x.DType, _x.Engine);
                _x.Engine.Permute(OutputGrad, dx, axes);
                Tape.Accumulate(_x, dx);
            }
        }

        private sealed class ExpandNode(Tensor x) : TapeNode
        {
            internal override void Backward() => AccumulatePassed(x, OutputGrad);
        }

        private sealed class CastNode(Tensor x) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.Cast(OutputGrad, dx);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
