using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>Operations that save memory against the composition that they stand for.</summary>
[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class FusedTests : TensorTest
{
    [Theory]
    [InlineData(1, 3, 2, 1)]
    [InlineData(5, 40, 33, 4)]
    [InlineData(30, 70, 130, 16)]
    public void A_low_rank_addition_equals_its_composition(int T, int I, int O, int r)
    {
        using var scope = TensorScope.Open();
        var random = new RandomStream((ulong)T);
        Tensor[] inputs = [Gradients.Normal(random, [T, I]), Gradients.Normal(random, [O, I]), Gradients.Normal(random, [r, I]), Gradients.Normal(random, [O, r])];
        var seed = Gradients.Normal(random, [T, O]);
        var (y, gradients) = Run(inputs, seed, t => Op.AddLowRank(Op.Linear(t[0], t[1]), t[0], t[2], t[3], 0.5f));
        var (expected, expectedGradients) = Run(inputs, seed, t => Op.Add(Op.Linear(t[0], t[1]), Op.Linear(Op.Scale(Op.Linear(t[0], t[2]), 0.5f), t[3])));
        AssertNear(expected, y);
        for (var i = 0; i < inputs.Length; i++) AssertNear(expectedGradients[i], gradients[i]);
    }

    [Fact]
    public void Only_the_adapter_gets_a_gradient_where_its_input_needs_none()
    {
        using var scope = TensorScope.Open();
        var random = new RandomStream(1);
        var (x, w, down, up) = (Gradients.Normal(random, [3, 5]), Gradients.Normal(random, [4, 5]), Gradients.Normal(random, [2, 5]), Gradients.Normal(random, [4, 2]));
        down.RequiresGrad = up.RequiresGrad = true;
        using var tape = Tape.Record();
        tape.Backward(Op.Sum(Op.AddLowRank(Op.Linear(x, w), x, down, up, 2)));
        Assert.Equal(2, tape.Count); // no node of the layer itself
        Assert.Null(x.Grad);
        Assert.NotNull(down.Grad);
        Assert.NotNull(up.Grad);
        Assert.Throws<ShapeException>(() => Op.AddLowRank(Tensor.Zeros([3, 4]), x, up, down, 2));
    }

    [Fact]
    public void A_gate_has_the_bits_of_its_composition()
    {
        using var scope = TensorScope.Open();
        var random = new RandomStream(2);
        Tensor[] inputs = [Gradients.Normal(random, [7, 37]), Gradients.Normal(random, [7, 37])];
        var seed = Gradients.Normal(random, [7, 37]);
        var (y, gradients) = Run(inputs, seed, t => Op.GatedSilu(t[0], t[1]));
        var (expected, expectedGradients) = Run(inputs, seed, t => Op.Mul(Op.Silu(t[0]), t[1]));
        Assert.Equal(expected, y);
        Assert.Equal(expectedGradients[0], gradients[0]);
        Assert.Equal(expectedGradients[1], gradients[1]);
        Assert.Throws<ShapeException>(() => Op.GatedSilu(inputs[0], Tensor.Zeros([7, 36])));
    }

    private static (float[] Y, float[][] Gradients) Run(Tensor[] inputs, Tensor seed, Func<Tensor[], Tensor> operation)
    {
        foreach (var input in inputs) input.RequiresGrad = true;
        using var tape = Tape.Record();
        var y = operation(inputs);
        var values = y.ToArray<float>();
        tape.Backward(y, seed.Clone());
        float[][] gradients = [.. inputs.Select(input => input.Grad!.ToArray<float>())];
        foreach (var input in inputs)
        {
            input.ClearGrad();
            input.RequiresGrad = false;
        }

        return (values, gradients);
    }

    /// <summary>Two orders of sums of at most 130 products of normal numbers.</summary>
    private static void AssertNear(float[] expected, float[] actual)
    {
        var allowed = 1e-5f * expected.Max(MathF.Abs);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(actual[i] - expected[i], -allowed, allowed);
    }
}
