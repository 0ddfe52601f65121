using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// Copies <paramref name="rows"/> runs of <paramref name="length"/> elements: run r from x at xStart + r xStep to y at yStart + r yStep.
        /// </summary>
        public abstract void CopyRuns(Tensor x, long xStart, long xStep, Tensor y, long yStart, long yStep, long rows, long length);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Joining and cutting along an axis.</content>
    public static partial class Op
    {
        /// <summary>The tensors one after the other along an axis; the other sizes agree.</summary>
        public static Tensor Concat(int axis, params ReadOnlySpan<Tensor> tensors)
        {
            if (tensors.Length == 0) throw new ShapeException("Concat: no tensors");
            var first = tensors[0];
            axis = ResolveAxis("Concat", first, axis);
            var total = 0;
            foreach (var tensor in tensors)
            {
                if (tensor.DType != first.DType || tensor.Shape.Rank != first.Shape.Rank || tensor.Shape.With(axis, 1) != first.Shape.With(axis, 1))
                    throw new ShapeException($"Concat: {tensor} does not fit {first} along axis {axis}");
                total += tensor.Shape[axis];
            }

            var y = Tensor.Empty(first.Shape.With(axis, total), first.DType, first.Engine);
            var (outer, inner) = AroundAxis(y.Shape, axis);
            long start = 0;
            foreach (var tensor in tensors)
            {
                var length = tensor.Shape[axis] * inner;
                y.Engine.CopyRuns(tensor, 0, length, y, start, total * inner, outer, length);
                start += length;
            }

            return Tape.Wants(tensors) ? Tape.Add(new ConcatNode(tensors.ToArray(), axis), y) : y;
        }

        /// <summary>The elements start .. start + length - 1 along an axis. Shares memory where the run is contiguous, else copies.</summary>
        public static Tensor Slice(Tensor x, int axis, int start, int length)
        {
            axis = ResolveAxis("Slice", x, axis);
            if (start < 0 || length < 0 || start > x.Shape[axis] - length)
                throw new ShapeException($"Slice: {start} to {(long)start + length} along axis {axis} of {x}");
            if (length == x.Shape[axis]) return Reshape(x, x.Shape.ToArray());
            var y = Cut(x, axis, start, length);
            return Tape.Wants(x) ? Tape.Add(new SliceNode(x, axis, start), y) : y;
        }

        /// <summary>Cuts an axis into consecutive parts; the sizes add up to that of the axis. One node: the gradients of the parts go into one buffer.</summary>
        public static Tensor[] Split(Tensor x, int axis, params ReadOnlySpan<int> sizes)
        {
            axis = ResolveAxis("Split", x, axis);
            long total = 0;
            foreach (var size in sizes) total += size;
            if (total != x.Shape[axis]) throw new ShapeException($"Split: [{string.Join(", ", sizes.ToArray())}] does not add up to axis {axis} of {x}");
            var parts = new Tensor[sizes.Length];
            var start = 0;
            for (var i = 0; i < sizes.Length; i++)
            {
                parts[i] = Cut(x, axis, start, sizes[i]);
                start += sizes[i];
            }

            if (!Tape.Wants(x)) return parts;
            foreach (var part in parts) part.RequiresGrad = true;
            Tape.Add(new SplitNode(x, axis, parts));
            return parts;
        }

        /// <summary>Cuts an axis into parts of one size.</summary>
        public static Tensor[] Chunk(Tensor x, int axis, int parts)
        {
            axis = ResolveAxis("Chunk", x, axis);
            if (parts <= 0 || x.Shape[axis] % parts != 0) throw new ShapeException($"Chunk: axis {axis} of {x} does not divide into {parts} parts");
            Span<int> sizes = stackalloc int[parts];
            sizes.Fill(x.Shape[axis] / parts);
            return Split(x, axis, sizes);
        }

        /// <summary>The tensors along a new axis at the front or elsewhere; all have one shape.</summary>
        public static Tensor Stack(int axis, params ReadOnlySpan<Tensor> tensors)
        {
            var lifted = new Tensor[tensors.Length];
            for (var i = 0; i < tensors.Length; i++)
            {
                List<int> sizes = [.. tensors[i].Shape.ToArray()];
                sizes.Insert(axis < 0 ? axis + sizes.Count + 1 : axis, 1);
                lifted[i] = Reshape(tensors[i], [.. sizes]);
            }

            return Concat(axis, lifted);
        }

        private static (long Outer, long Inner) AroundAxis(Shape shape, int axis)
        {
            long outer = 1, inner = 1;
            for (var i = 0; i < axis; i++) outer *= shape[i];
            for (var i = axis + 1; i < shape.Rank; i++) inner *= shape[i];
            return (outer, inner);
        }

        private static Tensor Cut(Tensor x, int axis, int start, int length)
        {
            var (outer, inner) = AroundAxis(x.Shape, axis);
            var shape = x.Shape.With(axis, length);
            if (outer == 1) return x.View(shape, start * inner);
            var y = Tensor.Empty(shape, x.DType, x.Engine);
            x.Engine.CopyRuns(x, start * inner, x.Shape[axis] * inner, y, 0, length * inner, outer, length * inner);
            return y;
        }

        /// <summary>Writes a part's gradient into that of the whole; zero where there is none.</summary>
        private static void Paste(Tensor? gradient, Tensor part, Tensor whole, int axis, int start)
        {
            var (outer, inner) = AroundAxis(whole.Shape, axis);
            var length = part.Shape[axis] * inner;
            var from = gradient ?? Tensor.Zeros(part.Shape, part.DType, part.Engine);
            whole.Engine.CopyRuns(from, 0, length, whole, start * inner, whole.Shape[axis] * inner, outer, length);
        }

        private sealed class ConcatNode(Tensor[] tensors, int axis) : TapeNode
        {
            internal override void Backward()
            {
                var start = 0;
                foreach (var tensor in tensors)
                {
                    // a copy, not a view: several views of one gradient could not be added to in place
                    if (tensor.RequiresGrad)
                    {
                        var (outer, inner) = AroundAxis(Output.Shape, axis);
                        var length = tensor.Shape[axis] * inner;
                        var part = Tensor.Empty(tensor.Shape, tensor.DType, tensor.Engine);
                        tensor.Engine.CopyRuns(OutputGrad, start * inner, Output.Shape[axis] * inner, part, 0, length, outer, length);
                        Tape.Accumulate(tensor, part);
                    }

                    start += tensor.Shape[axis];
                }
            }
        }

        private sealed class SliceNode(Tensor x, int axis, int start) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Zeros(x.Shape, x.DType, x.Engine);
                Paste(OutputGrad, Output, dx, axis, start);
                Tape.Accumulate(x, dx);
            }
        }

        private sealed class SplitNode(Tensor x, int axis, Tensor[] parts) : TapeNode
        {
            internal override bool IsReached
            {
                get
                {
                    foreach (var part in parts)
                    {
                        if (part.Grad is not null) return true;
                    }

                    return false;
                }
            }

            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                var start = 0;
                foreach (var part in parts)
                {
                    Paste(part.Grad, part, dx, axis, start);
                    start += part.Shape[axis];
                }

                Tape.Accumulate(x, dx);
            }

            internal override void ReleaseGradients()
            {
                foreach (var part in parts) part.ClearGrad();
            }
        }
    }
}
