using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Autograd;

[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class TapeTests : TensorTest
{
    [Fact]
    public void Nothing_is_recorded_without_a_tape_in_a_scope_without_gradients_or_for_constants()
    {
        var (x, constant) = (Leaf(1, 2), Tensor.From([3f, 4], [2]));
        Assert.False(Op.Square(x).RequiresGrad);
        using var tape = Tape.Record();
        Assert.False(Op.Square(constant).RequiresGrad);
        using (Tape.NoGrad())
        {
            Assert.False(Tape.IsRecording);
            Assert.False(Op.Square(x).RequiresGrad);
        }

        Assert.True(Tape.IsRecording);
        Assert.Equal(0, tape.Count);
        Assert.True(Op.Mul(x, constant).RequiresGrad);
        Assert.Equal(1, tape.Count);
    }

    [Fact]
    public void A_tape_inside_another_records_for_itself()
    {
        var x = Leaf(3);
        using var outer = Tape.Record();
        var y = Op.Square(x);
        using (var inner = Tape.Record())
        {
            inner.Backward(Op.Scale(x, 5));
            Assert.Equal((1, 1), (inner.Count, outer.Count));
        }

        outer.Backward(y);
        Assert.Equal([11f], x.Grad!.ToArray<float>());
        x.ClearGrad();
    }

    /// <summary>y = (x²) + 3 (x²), with x² used twice: dy/dx = 8 x, each node once.</summary>
    [Fact]
    public void A_value_used_twice_gets_both_gradients_before_it_passes_them_on()
    {
        var x = Leaf(1, -2);
        using var tape = Tape.Record();
        var square = Op.Square(x);
        tape.Backward(Op.Sum(Op.Add(square, Op.Scale(square, 3))));
        Assert.Equal([8f, -16], x.Grad!.ToArray<float>());
        Assert.Null(square.Grad); // of no use any more
        x.ClearGrad();
    }

    [Fact]
    public void Gradients_add_up_over_passes_until_they_are_cleared()
    {
        var x = Leaf(2);
        for (var pass = 1; pass <= 3; pass++)
        {
            using var tape = Tape.Record();
            tape.Backward(Op.Square(x));
            Assert.Equal([4f * pass], x.Grad!.ToArray<float>());
        }

        x.ClearGrad();
        Assert.Null(x.Grad);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var x = Leaf(1, 2);
        using var tape = Tape.Record();
        var y = Op.Square(x);
        Assert.Contains("must be one number", Assert.Throws<ShapeException>(() => tape.Backward(y)).Message, StringComparison.Ordinal);
        Assert.Contains("does not fit", Assert.Throws<ShapeException>(() => tape.Backward(y, Tensor.Zeros([3]))).Message, StringComparison.Ordinal);
    }

    private static Tensor Leaf(params float[] values)
    {
        var x = Tensor.From(values, [values.Length]);
        x.RequiresGrad = true;
        return x;
    }
}
