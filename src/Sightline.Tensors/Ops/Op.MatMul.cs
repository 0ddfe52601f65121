using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Ops;

public static partial class Op
{
    /// <summary>
    /// c = a · b of matrices, or of stacks of matrices with equal leading axes. A rank-2 operand is shared by all matrices of
    /// the other one. Summed in float32; c has the element type of a. With both stored as they are: da = dc · bᵀ, db = aᵀ · dc.
    /// </summary>
    /// <param name="a">[.., M, K], or [.., K, M] with <paramref name="transposeA"/>.</param>
    /// <param name="b">[.., K, N], or [.., N, K] with <paramref name="transposeB"/>.</param>
    /// <param name="transposeA">Read a transposed.</param>
    /// <param name="transposeB">Read b transposed.</param>
    /// <returns>[.., M, N].</returns>
    /// <exception cref="ShapeException">The inner sizes or the leading axes differ.</exception>
    public static Tensor MatMul(Tensor a, Tensor b, bool transposeA = false, bool transposeB = false)
    {
        RequireFloat("MatMul", a, b);
        if (a.Shape.Rank < 2 || b.Shape.Rank < 2) throw new ShapeException($"MatMul: needs at least two axes, lhs {a}, rhs {b}");
        var (M, K) = transposeA ? (a.Shape[^1], a.Shape[^2]) : (a.Shape[^2], a.Shape[^1]);
        var (inner, N) = transposeB ? (b.Shape[^1], b.Shape[^2]) : (b.Shape[^2], b.Shape[^1]);
        if (inner != K) throw new ShapeException($"MatMul: inner sizes differ, lhs {a}{(transposeA ? " transposed" : "")}, rhs {b}{(transposeB ? " transposed" : "")}");
        var leading = a.Shape.Rank >= b.Shape.Rank ? a.Shape : b.Shape;
        if (!SameLeading(a.Shape, leading) || !SameLeading(b.Shape, leading)) throw new ShapeException($"MatMul: leading axes differ, lhs {a}, rhs {b}");
        var c = Tensor.Empty(leading.With(leading.Rank - 2, M).WithLast(N), a.DType, a.Engine);
        a.Engine.MatMul(a, transposeA, b, transposeB, null, c, 0);
        return Tape.Wants(a, b) ? Tape.Add(new MatMulNode(a, transposeA, b, transposeB), c) : c;
    }

    private static bool SameLeading(Shape shape, Shape leading)
    {
        if (shape.Rank == 2) return true;
        if (shape.Rank != leading.Rank) return false;
        for (var i = 0; i < shape.Rank - 2; i++)
        {
            if (shape[i] != leading[i]) return false;
        }

        return true;
    }

    private sealed class MatMulNode(Tensor a, bool transposeA, Tensor b, bool transposeB) : TapeNode
    {
        internal override void Backward()
        {
            if (a.RequiresGrad)
            {
                // da = dc · op(b)ᵀ, or its transpose where a is stored transposed
                if (transposeA) Product(a, b, transposeB, OutputGrad, true);
                else Product(a, OutputGrad, false, b, !transposeB);
            }

            if (b.RequiresGrad)
            {
                if (transposeB) Product(b, OutputGrad, true, a, transposeA);
                else Product(b, a, !transposeA, OutputGrad, false);
            }
        }

        /// <summary>Adds l · r to the gradient of a target; where the target is shared by a stack, the sum over the stack.</summary>
        private void Product(Tensor target, Tensor l, bool transposeL, Tensor r, bool transposeR)
        {
            var gradient = Tape.GradBuffer(target, out var beta);
            if (target.Shape.Rank == 2 && Output.Shape.Rank > 2)
            {
                var stack = (int)(Output.Count / Math.Max(1, (long)Output.Shape[^1] * Output.Shape[^2]));
                if (stack == 0 && beta == 0) gradient.Engine.Clear(gradient);
                for (var i = 0; i < stack; i++, beta = 1) gradient.Engine.MatMul(Entry(l, i), transposeL, Entry(r, i), transposeR, null, gradient, beta);
            }
            else
            {
                gradient.Engine.MatMul(l, transposeL, r, transposeR, null, gradient, beta);
            }

            Tape.Accumulate(target, gradient);
        }

        private static Tensor Entry(Tensor x, int index) => x.Shape.Rank == 2
            ? x
            : x.View([x.Shape[^2], x.Shape[^1]], (long)index * x.Shape[^2] * x.Shape[^1]);
    }
}
