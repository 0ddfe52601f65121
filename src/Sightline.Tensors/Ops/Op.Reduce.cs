using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// y[o, i] = scale · Σ_m x[o, m, i], read as [outer, middle, inner]. Float32 accumulation in a fixed order of blocks.
        /// </summary>
        public abstract void SumMiddle(Tensor x, Tensor y, long outer, long middle, long inner, float scale);

        /// <summary>Largest element of each row of the last axis (first one where equal; a NaN wins) and its int64 position.</summary>
        public abstract void MaxLast(Tensor x, Tensor y, Tensor index);

        /// <summary>y = 0 except y[row, index[row]] = x[row].</summary>
        public abstract void ScatterLast(Tensor x, Tensor index, Tensor y);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Sums, means and maxima.</content>
    public static partial class Op
    {
        /// <summary>Sum of all elements: a scalar.</summary>
        public static Tensor Sum(Tensor x) => SumAll(x, 1f);

        /// <summary>Mean of all elements: a scalar. NaN for an empty tensor.</summary>
        public static Tensor Mean(Tensor x) => SumAll(x, 1f / x.Count);

        /// <summary>Sum over some axes (negative ones count from the end).</summary>
        /// <param name="x">Any shape.</param>
        /// <param name="keepDims">Keep the summed axes with size 1.</param>
        /// <param name="axes">The axes to sum over.</param>
        public static Tensor Sum(Tensor x, bool keepDims, params ReadOnlySpan<int> axes) => SumAxes("Sum", x, keepDims, axes, mean: false);

        /// <summary>Mean over some axes (negative ones count from the end). NaN over no elements.</summary>
        public static Tensor Mean(Tensor x, bool keepDims, params ReadOnlySpan<int> axes) => SumAxes("Mean", x, keepDims, axes, mean: true);

        /// <summary>Largest element of the last axis and its int64 position; the gradient goes to that element (the first where several are equal).</summary>
        public static (Tensor Values, Tensor Indices) MaxLast(Tensor x, bool keepDims = false)
        {
            RequireFloat("MaxLast", x);
            if (x.Shape.Rank == 0 || x.Shape[^1] == 0) throw new ShapeException($"MaxLast: {x} has no last axis to take the maximum of");
            var shape = keepDims ? x.Shape.WithLast(1) : new Shape(x.Shape.ToArray().AsSpan(0, x.Shape.Rank - 1));
            var y = Tensor.Empty(shape, x.DType, x.Engine);
            var index = Tensor.Empty(shape, DType.Int64, x.Engine);
            x.Engine.MaxLast(x, y, index);
            return (Tape.Wants(x) ? Tape.Add(new MaxNode(x, index), y) : y, index);
        }

        /// <summary>Axis as a number from 0, from one that may count from the end.</summary>
        private static int ResolveAxis(string op, Tensor x, int axis)
        {
            var resolved = axis < 0 ? axis + x.Shape.Rank : axis;
            return (uint)resolved < (uint)x.Shape.Rank ? resolved : throw new ShapeException($"{op}: axis {axis} of {x}");
        }

        private static Tensor SumAll(Tensor x, float scale)
        {
            RequireFloat("Sum", x);
            var y = Tensor.Empty([], x.DType, x.Engine);
            x.Engine.SumMiddle(x, y, 1, x.Count, 1, scale);
            if (float.IsInfinity(scale)) x.Engine.Fill(y, float.NaN); // the mean of nothing: 0 · ∞
            return Tape.Wants(x) ? Tape.Add(new SumNode(x, [], scale), y) : y;
        }

        private static Tensor SumAxes(string op, Tensor x, bool keepDims, ReadOnlySpan<int> axes, bool mean)
        {
            RequireFloat(op, x);
            Span<int> kept = stackalloc int[x.Shape.Rank];
            Span<int> dropped = stackalloc int[x.Shape.Rank];
            for (var i = 0; i < kept.Length; i++) kept[i] = x.Shape[i];
            long count = 1;
            foreach (var axis in axes)
            {
                var at = ResolveAxis(op, x, axis);
                count *= kept[at];
                kept[at] = 1;
            }

            var rank = 0;
            for (var i = 0; i < kept.Length; i++)
            {
                var summed = false;
                foreach (var axis in axes) summed |= ResolveAxis(op, x, axis) == i;
                if (!summed) dropped[rank++] = kept[i];
            }

            var keptShape = new Shape(kept);
            var scale = mean ? 1f / count : 1f;
            var y = SumTo(x, keptShape, scale);
            if (float.IsInfinity(scale)) x.Engine.Fill(y, float.NaN);
            if (!keepDims) y = y.View(new Shape(dropped[..rank]));
            return Tape.Wants(x) ? Tape.Add(new SumNode(x, keptShape, scale), y) : y;
        }

        /// <summary>
        /// scale · x summed over the axes that <paramref name="shape"/> lacks or has with size 1. Without recording. Runs of neighbouring axes are summed
        /// together, innermost run first.
        /// </summary>
        private static Tensor SumTo(Tensor x, Shape shape, float scale = 1f)
        {
            var sizes = x.Shape.ToArray();
            var lead = sizes.Length - shape.Rank;
            var current = x;
            for (var end = sizes.Length; end > 0;)
            {
                if (!IsSummed(end - 1))
                {
                    end--;
                    continue;
                }

                var start = end - 1;
                while (start > 0 && (IsSummed(start - 1) || sizes[start - 1] == 1)) start--;
                long outer = 1, middle = 1, inner = 1;
                for (var i = 0; i < sizes.Length; i++)
                {
                    if (i < start) outer *= sizes[i];
                    else if (i < end) middle *= sizes[i];
                    else inner *= sizes[i];
                }

                for (var i = start; i < end; i++) sizes[i] = 1;
                var more = false;
                for (var i = 0; i < start; i++) more |= IsSummed(i);
                var next = Tensor.Empty(new Shape(sizes), more ? DType.Float32 : x.DType, x.Engine);
                x.Engine.SumMiddle(current, next, outer, middle, inner, scale);
                scale = 1f;
                current = next;
                end = start;
            }

            if (!ReferenceEquals(current, x)) return current.View(shape);
            var copy = Tensor.Empty(shape, x.DType, x.Engine);
            x.Engine.Unary(UnaryKind.Scale, x, copy, scale);
            return copy;

            bool IsSummed(int axis) => sizes[axis] != 1 && (axis < lead || shape[axis - lead] == 1);
        }

        private sealed class SumNode(Tensor x, Shape kept, float scale) : TapeNode
        {
            internal override void Backward()
            {
                var g = OutputGrad.View(kept);
                if (scale != 1f)
                {
                    var scaled = Tensor.Empty(kept, g.DType, g.Engine);
                    g.Engine.Unary(UnaryKind.Scale, g, scaled, scale);
                    g = scaled;
                }

                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.Expand(g, dx);
                Tape.Accumulate(x, dx);
            }
        }

        private sealed class MaxNode(Tensor x, Tensor index) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.ScatterLast(OutputGrad, index, dx);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
