using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>What <see cref="ReducedAxisTests"/> does not show: whole vocabularies, temperatures of rows, and entries that cannot be chosen.</summary>
[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class SoftmaxEntropyTests : TensorTest
{
    private const int Vocabulary = 151_936; // of Qwen2-VL

    /// <summary>Every row by its own temperature, against -Σ p ln p in 64 bits. Sums of 32 lanes of 4,748 numbers each are off by some 1e-6 of their size.</summary>
    [Fact]
    public void A_whole_vocabulary_has_the_entropy_of_the_plain_sum()
    {
        float[] temperatures = [1, 0.7f, 0.05f, 3, 1e-3f];
        var random = new RandomStream(7);
        var scores = new float[temperatures.Length * Vocabulary];
        foreach (ref var score in scores.AsSpan()) score = 40 + (3 * (float)random.NextNormal());
        var y = Compute(scores, temperatures);
        for (var row = 0; row < temperatures.Length; row++)
        {
            var expected = Entropy([.. scores.Skip(row * Vocabulary).Take(Vocabulary).Select(score => score / (double)temperatures[row])]);
            Assert.Equal(expected, y[row], 1e-4 * (1 + expected));
        }
    }

    [Fact]
    public void Entries_that_are_out_of_the_question_add_nothing()
    {
        const float Never = float.NegativeInfinity;
        Assert.Equal([MathF.Log(3), MathF.Log(3)], Compute([Never, 5, Never, 5, 5, 1, 1, 1, Never, Never], [1, 0.5f]), Near);
        Assert.Equal(0, Compute([Never, Never, -7, Never], [1])[0]); // one is left
        Assert.Equal(0, Compute([-7], [1])[0]);
        Assert.Equal(0, Compute([1e30f, -1e30f], [1])[0], 1e-6f); // the difference is no finite number of weights
        Assert.True(float.IsNaN(Compute([Never, Never, Never], [1])[0])); // nothing to choose from
        Assert.True(float.IsNaN(Compute([0, float.NaN, Never], [1])[0]));
        Assert.True(float.IsNaN(Compute([0, float.PositiveInfinity], [1])[0]));
    }

    [Fact]
    public void At_temperature_0_the_largest_share_everything()
    {
        Assert.Equal([0, MathF.Log(2), 0], Compute([1, 2, 3, 4, 4, 4 - 1e-6f, 3, 2, float.NegativeInfinity], [0, 0, 0]), Near);
        Assert.Equal(MathF.Log(2), Compute([3, 3, 2], [float.Epsilon])[0], 1e-6f);
        Assert.Equal(MathF.Log(4), Compute([3, 1, 2, -5], [1e30f])[0], 1e-6f);
    }

    [Fact]
    public void Scores_of_16_bits_and_no_rows_and_no_gradient()
    {
        using var tape = Tape.Record();
        using var x = Tensor.From([1f, 2f, 4f], [1, 3]).AsParameter();
        var y = Op.SoftmaxEntropy(x, Tensor.Full([1], 1f));
        Assert.False(y.RequiresGrad);
        Assert.Equal(y.Item(), Op.SoftmaxEntropy(Op.Cast(x, DType.BFloat16), Tensor.Full([1], 1f)).Item(), 1e-6f);
        Assert.Empty(Op.SoftmaxEntropy(Tensor.Empty([0, 5]), Tensor.Empty([0])).ToArray<float>());
        Assert.Throws<ShapeException>(() => Op.SoftmaxEntropy(Tensor.Empty([2, 0]), Tensor.Full([2], 1f)));
        Assert.Throws<ShapeException>(() => Op.SoftmaxEntropy(Tensor.Empty([2, 3]), Tensor.Full([3], 1f)));
    }

    private static float[] Compute(float[] scores, float[] temperatures) =>
        Op.SoftmaxEntropy(Tensor.From(scores, [temperatures.Length, scores.Length / temperatures.Length]), Tensor.From(temperatures, [temperatures.Length])).ToArray<float>();

    private static double Entropy(double[] scores)
    {
        var most = scores.Max();
        var total = Math.Log(scores.Sum(score => Math.Exp(score - most)));
        return -scores.Sum(score => Math.Exp(score - most - total) is var p and > 0 ? p * (score - most - total) : 0);
    }

    private static bool Near(float a, float b) => MathF.Abs(a - b) <= 1e-6f;
}
