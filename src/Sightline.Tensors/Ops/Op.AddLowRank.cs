using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Ops;

public static partial class Op
{
    /// <summary>
    /// y + scale · (x Aᵀ) Bᵀ, what a low-rank adapter (Hu et al. 2021) adds to a layer, in the memory of y: nobody else may read y afterwards, so it must be fresh from an
    /// operation that does not keep its result. With s = scale · x Aᵀ: dy = dz, dB = dzᵀ s, dA = (scale · dz B)ᵀ x, dx = scale · dz B A.
    /// </summary>
    /// <param name="y">float32 [.., O]; used up.</param>
    /// <param name="x">float32 [.., I].</param>
    /// <param name="down">A, float32 [r, I].</param>
    /// <param name="up">B, float32 [O, r].</param>
    /// <param name="scale">The factor.</param>
    /// <returns>[.., O].</returns>
    /// <exception cref="ShapeException">The sizes or types do not fit.</exception>
    public static Tensor AddLowRank(Tensor y, Tensor x, Tensor down, Tensor up, float scale)
    {
        var fits = down.Shape.Rank == 2 && up.Shape == new Shape(y.Shape[^1], down.Shape[0]) && x.Shape[^1] == down.Shape[1] && y.Shape == x.Shape.WithLast(y.Shape[^1]);
        if (!fits || y.DType != DType.Float32 || x.DType != DType.Float32 || down.DType != DType.Float32 || up.DType != DType.Float32)
            throw new ShapeException($"AddLowRank: y {y} and x {x} need float32 A [r, {x.Shape[^1]}] and B [{y.Shape[^1]}, r], got {down} and {up}");
        var small = Tensor.Empty([x.Shape.Rows, down.Shape[0]], DType.Float32, x.Engine); // [T, r]
        x.Engine.MatMul(Rows(x), false, down, true, null, small, 0);
        x.Engine.Unary(UnaryKind.Scale, small, small, scale);
        x.Engine.MatMul(small, false, up, true, null, Rows(y), 1);
        if (Tape.Wants(y, x) || Tape.Wants(down, up)) return Tape.Add(new AddLowRankNode(y, x, down, up, small, scale), y.Detach());
        small.Dispose();
        return y;
    }

    private sealed class AddLowRankNode(Tensor y, Tensor x, Tensor down, Tensor up, Tensor small, float scale) : TapeNode
    {
        internal override void Backward()
        {
            var dz = Rows(OutputGrad); // [T, O]
            var engine = dz.Engine;
            if (up.RequiresGrad)
            {
                var db = Tape.GradBuffer(up, out var beta);
                engine.MatMul(dz, true, small, false, null, db, beta);
                Tape.Accumulate(up, db);
            }

            Tape.AccumulateShared(y, OutputGrad);
            if (!down.RequiresGrad && !x.RequiresGrad) return;
            var ds = Tensor.Empty(small.Shape, DType.Float32, engine);
            engine.MatMul(dz, false, up, false, null, ds, 0);
            engine.Unary(UnaryKind.Scale, ds, ds, scale);
            if (down.RequiresGrad)
            {
                var da = Tape.GradBuffer(down, out var beta);
                engine.MatMul(ds, true, Rows(x), false, null, da, beta);
                Tape.Accumulate(down, da);
            }

            if (!x.RequiresGrad) return;
            var dx = Tape.GradBuffer(x, out var add);
            engine.MatMul(ds, false, down, false, null, Rows(dx), add);
            Tape.Accumulate(x, dx);
        }
    }
}
