using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Ops;

public static partial class Op
{
    /// <summary>
    /// y = x · wᵀ + b, the layer of torch.nn.Linear. Summed in float32; y has the element type of x.
    /// dx = dy · w, dw = dyᵀ · x, db = the sum of the rows of dy.
    /// </summary>
    /// <param name="x">[.., I].</param>
    /// <param name="w">[O, I].</param>
    /// <param name="b">[O], or null.</param>
    /// <returns>[.., O].</returns>
    /// <exception cref="ShapeException">The sizes do not fit.</exception>
    public static Tensor Linear(Tensor x, Tensor w, Tensor? b = null)
    {
        if (x.Shape.Rank < 1 || w.Shape.Rank != 2 || x.Shape[^1] != w.Shape[1])
            throw new ShapeException($"Linear: x {x} needs a weight [O, {(x.Shape.Rank < 1 ? 1 : x.Shape[^1])}], got {w}");
        if (b is not null && (b.Shape.Rank != 1 || b.Shape[0] != w.Shape[0]))
            throw new ShapeException($"Linear: the weight {w} needs a bias [{w.Shape[0]}], got {b}");
        RequireFloat("Linear", x, w, b);
        var y = Tensor.Empty(x.Shape.WithLast(w.Shape[0]), x.DType, x.Engine);
        x.Engine.MatMul(Rows(x), false, w, true, b, Rows(y), 0);
        return Tape.Wants(x, w, b) ? Tape.Add(new LinearNode(x, w, b), y) : y;
    }

    /// <summary>A tensor as the matrix of its last axis.</summary>
    private static Tensor Rows(Tensor x) => x.Shape.Rank == 2 ? x : x.View([x.Shape.Rows, x.Shape.Columns]);

    private static void RequireFloat(string operation, Tensor a, Tensor? b = null, Tensor? c = null)
    {
        foreach (var tensor in (ReadOnlySpan<Tensor?>)[a, b, c])
        {
            if (tensor is not null && !tensor.DType.IsFloat()) throw new ShapeException($"{operation}: needs floating-point tensors, got {tensor}");
        }
    }

    private sealed class LinearNode(Tensor x, Tensor w, Tensor? b) : TapeNode
    {
        internal override void Backward()
        {
            var dy = Rows(OutputGrad); // [T, O]
            if (x.RequiresGrad)
            {
                var dx = Tape.GradBuffer(x, out var beta);
                dx.Engine.MatMul(dy, false, w, false, null, Rows(dx), beta);
                Tape.Accumulate(x, dx);
            }

            if (w.RequiresGrad)
            {
                var dw = Tape.GradBuffer(w, out var beta);
                dw.Engine.MatMul(dy, true, Rows(x), false, null, dw, beta);
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
