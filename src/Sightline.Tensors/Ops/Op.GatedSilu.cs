using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Ops;

public static partial class Op
{
    /// <summary>
    /// silu(gate) · up, the middle of a gated feed-forward layer (Shazeer 2020). The same bits as <c>Mul(Silu(gate), up)</c>, but silu(gate) is computed again in the backward
    /// pass and not kept. dup = dy silu(gate), dgate = dy up silu'(gate).
    /// </summary>
    /// <param name="gate">Any floats.</param>
    /// <param name="up">Of the same shape and type.</param>
    /// <exception cref="ShapeException">Shapes or types differ.</exception>
    public static Tensor GatedSilu(Tensor gate, Tensor up)
    {
        RequireFloat("GatedSilu", gate, up);
        if (gate.Shape != up.Shape || gate.DType != up.DType) throw new ShapeException($"GatedSilu: {gate} and {up} must have one shape and type");
        var y = Tensor.Empty(gate.Shape, gate.DType, gate.Engine);
        var open = Like(gate, UnaryKind.Silu);
        gate.Engine.Binary(BinaryKind.Mul, open, up, y);
        open.Dispose();
        return Tape.Wants(gate, up) ? Tape.Add(new GatedSiluNode(gate, up), y) : y;
    }

    private static Tensor Like(Tensor x, UnaryKind kind)
    {
        var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
        x.Engine.Unary(kind, x, y);
        return y;
    }

    private sealed class GatedSiluNode(Tensor gate, Tensor up) : TapeNode
    {
        internal override void Backward()
        {
            if (up.RequiresGrad) Tape.Accumulate(up, Apply(BinaryKind.Mul, OutputGrad, Like(gate, UnaryKind.Silu)));
            if (!gate.RequiresGrad) return;
            var slope = Apply(BinaryKind.Mul, OutputGrad, up);
            var dgate = Tensor.Empty(gate.Shape, gate.DType, gate.Engine);
            gate.Engine.UnaryBackward(UnaryKind.Silu, gate, slope, dgate);
            Tape.Accumulate(gate, dgate);
        }
    }
}
