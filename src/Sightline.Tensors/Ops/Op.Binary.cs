using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>y = f(a, b) elementwise; the operands' shapes broadcast to that of y.</summary>
        public abstract void Binary(BinaryKind kind, Tensor a, Tensor b, Tensor y);

        /// <summary>y = mask ? a : b; the shapes broadcast to that of y. The mask is bool, the others share a float type.</summary>
        public abstract void Select(Tensor mask, Tensor a, Tensor b, Tensor y);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <summary>Functions of two numbers that an engine applies elementwise.</summary>
    public enum BinaryKind : byte
    {
        Add,
        Sub,
        Mul,
        Div,
        Minimum,
        Maximum,

        /// <summary>1 where a &lt; b, ½ where equal, else 0.</summary>
        Precedes,
    }

    /// <content>
    /// Arithmetic of two tensors with NumPy broadcasting. Operands of different float types give float32. Gradients of broadcast operands
    /// are summed over the repeated axes, in an order that does not depend on the number of threads.
    /// </content>
    public static partial class Op
    {
        /// <summary>a + b.</summary>
        public static Tensor Add(Tensor a, Tensor b) => Binary(BinaryKind.Add, a, b);

        /// <summary>a - b.</summary>
        public static Tensor Sub(Tensor a, Tensor b) => Binary(BinaryKind.Sub, a, b);

        /// <summary>a · b.</summary>
        public static Tensor Mul(Tensor a, Tensor b) => Binary(BinaryKind.Mul, a, b);

        /// <summary>a / b.</summary>
        public static Tensor Div(Tensor a, Tensor b) => Binary(BinaryKind.Div, a, b);

        /// <summary>The smaller; a NaN wins. Where equal, each side takes half of the gradient.</summary>
        public static Tensor Minimum(Tensor a, Tensor b) => Binary(BinaryKind.Minimum, a, b);

        /// <summary>The larger; a NaN wins. Where equal, each side takes half of the gradient.</summary>
        public static Tensor Maximum(Tensor a, Tensor b) => Binary(BinaryKind.Maximum, a, b);

        /// <summary>mask ? a : b with broadcasting; the mask is bool.</summary>
        public static Tensor Where(Tensor mask, Tensor a, Tensor b)
        {
            if (mask.DType != DType.Bool) throw new ShapeException($"Where: the mask must be bool, got {mask}");
            var type = Broadcast.Type("Where", a, b);
            if (a.DType != b.DType) throw new ShapeException($"Where: {a} and {b} must have one element type");
            var shape = Broadcast.Of("Where", a, b);
            if (!Broadcast.Fits(mask.Shape, shape)) shape = MaskShape(mask, shape);
            var y = Tensor.Empty(shape, type, a.Engine);
            a.Engine.Select(mask, a, b, y);
            return Tape.Wants(a, b) ? Tape.Add(new WhereNode(mask, a, b), y) : y;
        }

        private static Shape MaskShape(Tensor mask, Shape values)
        {
            var rank = Math.Max(mask.Shape.Rank, values.Rank);
            Span<int> sizes = stackalloc int[rank];
            for (var i = 1; i <= rank; i++)
            {
                var left = i <= mask.Shape.Rank ? mask.Shape[^i] : 1;
                var right = i <= values.Rank ? values[^i] : 1;
                if (left != right && left != 1 && right != 1) throw new ShapeException($"Where: the mask {mask} does not fit {values}");
                sizes[rank - i] = left == 1 ? right : left;
            }

            return new Shape(sizes);
        }

        private static Tensor Binary(BinaryKind kind, Tensor a, Tensor b)
        {
            var name = kind.ToString();
            var type = Broadcast.Type(name, a, b);
            var y = Tensor.Empty(Broadcast.Of(name, a, b), type, a.Engine);
            a.Engine.Binary(kind, a, b, y);
            return Tape.Wants(a, b) ? Tape.Add(new BinaryNode(kind, a, b), y) : y;
        }

        /// <summary>Result of a binary kernel without recording; float32 where the types differ.</summary>
        private static Tensor Apply(BinaryKind kind, Tensor a, Tensor b)
        {
            var y = Tensor.Empty(Broadcast.Of("gradient", a, b), Broadcast.Type("gradient", a, b), a.Engine);
            a.Engine.Binary(kind, a, b, y);
            return y;
        }

        /// <summary>Hands over a gradient of the broadcast shape: summed over repeated axes, in the operand's element type.</summary>
        private static void AccumulateReduced(Tensor target, Tensor gradient)
        {
            if (gradient.Shape != target.Shape) gradient = SumTo(gradient, target.Shape);
            if (gradient.DType != target.DType)
            {
                var cast = Tensor.Empty(target.Shape, target.DType, target.Engine);
                target.Engine.Cast(gradient, cast);
                gradient = cast;
            }

            Tape.Accumulate(target, gradient);
        }

        /// <summary>As <see cref="AccumulateReduced"/> for a gradient that others still read.</summary>
        private static void AccumulatePassed(Tensor target, Tensor gradient)
        {
            if (gradient.Shape == target.Shape && gradient.DType == target.DType) Tape.AccumulateShared(target, gradient);
            else AccumulateReduced(target, gradient);
        }

        private sealed class BinaryNode(BinaryKind kind, Tensor a, Tensor b) : TapeNode
        {
            internal override void Backward()
            {
                var g = OutputGrad;
                if (a.RequiresGrad) Left(g);
                if (b.RequiresGrad) Right(g);
            }

            private void Left(Tensor g)
            {
                switch (kind)
                {
                    case BinaryKind.Add or BinaryKind.Sub: AccumulatePassed(a, g); break;
                    case BinaryKind.Mul: AccumulateReduced(a, Apply(BinaryKind.Mul, g, b)); break;
                    case BinaryKind.Div: AccumulateReduced(a, Apply(BinaryKind.Div, g, b)); break;
                    case BinaryKind.Minimum: AccumulateReduced(a, Apply(BinaryKind.Mul, g, Apply(BinaryKind.Precedes, a, b))); break;
                    case BinaryKind.Maximum: AccumulateReduced(a, Apply(BinaryKind.Mul, g, Apply(BinaryKind.Precedes, b, a))); break;
                    default: throw new ShapeException($"{kind} has no gradient");
                }
            }

            private void Right(Tensor g)
            {
                switch (kind)
                {
                    case BinaryKind.Add: AccumulatePassed(b, g); break;
                    case BinaryKind.Sub: AccumulateReduced(b, Negative(g)); break;
                    case BinaryKind.Mul: AccumulateReduced(b, Apply(BinaryKind.Mul, g, a)); break;
                    case BinaryKind.Div: AccumulateReduced(b, Negative(Apply(BinaryKind.Div, Apply(BinaryKind.Mul, g, Output), b))); break;
                    case BinaryKind.Minimum: AccumulateReduced(b, Apply(BinaryKind.Mul, g, Apply(BinaryKind.Precedes, b, a))); break;
                    case BinaryKind.Maximum: AccumulateReduced(b, Apply(BinaryKind.Mul, g, Apply(BinaryKind.Precedes, a, b))); break;
                    default: throw new ShapeException($"{kind} has no gradient");
                }
            }

            private static Tensor Negative(Tensor g)
            {
                var negative = Tensor.Empty(g.Shape, g.DType, g.Engine);
                g.Engine.Unary(UnaryKind.Neg, g, negative);
                return negative;
            }
        }

        private sealed class WhereNode(Tensor mask, Tensor a, Tensor b) : TapeNode
        {
            internal override void Backward()
            {
                var g = OutputGrad;
                var zero = Tensor.Zeros([], g.DType, g.Engine);
                if (a.RequiresGrad) AccumulateReduced(a, Chosen(g, zero));
                if (b.RequiresGrad) AccumulateReduced(b, Chosen(zero, g));
            }

            private Tensor Chosen(Tensor yes, Tensor no)
            {
                var chosen = Tensor.Empty(Output.Shape, yes.DType, yes.Engine);
                yes.Engine.Select(mask, yes, no, chosen);
                return chosen;
            }
        }
    }
}
