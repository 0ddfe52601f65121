using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>Losses without fixtures of their own against their formulas in double, and their slopes against central differences of those.</summary>
[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class PointLossTests : TensorTest
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(67)]
    public void Quality_focal_follows_its_formula(int count) =>
        Compare(count, (x, t) => Op.QualityFocal(x, t, 1.5f), (x, t) => Math.Pow(Math.Abs(Sigmoid(x) - t), 1.5) * Bce(x, t));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(67)]
    public void Varifocal_follows_its_formula(int count) =>
        Compare(count, (x, t) => Op.Varifocal(x, t, 0.6f, 1.7f), (x, t) => (t > 0 ? t : 0.6 * Math.Pow(Sigmoid(x), 1.7)) * Bce(x, t));

    [Fact]
    public void A_prediction_equal_to_its_quality_costs_nothing()
    {
        var x = Tensor.From([0f, 0f], [2]);
        Assert.Equal([0f, 0f], Op.QualityFocal(x, Tensor.From([0.5f, 0.5f], [2])).ToArray<float>());
    }

    private static void Compare(int count, Func<Tensor, Tensor, Tensor> loss, Func<double, double, double> formula)
    {
        var random = new RandomStream(11);
        var values = new float[count];
        var targets = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = 3 * (float)random.NextNormal();
            targets[i] = i % 3 == 0 ? 0 : (float)random.NextDouble();
        }

        var (x, t) = (Tensor.From(values, [count]), Tensor.From(targets, [count]));
        x.RequiresGrad = true;
        using var tape = Tape.Record();
        var y = loss(x, t);
        tape.Backward(y, Tensor.Full(y.Shape, 1));
        var (result, slope) = (y.ToArray<float>(), count == 0 ? [] : x.Grad!.ToArray<float>());
        for (var i = 0; i < count; i++)
        {
            const double h = 1e-5;
            Assert.Equal(formula(values[i], targets[i]), result[i], 1e-5);
            Assert.Equal((formula(values[i] + h, targets[i]) - formula(values[i] - h, targets[i])) / (2 * h), slope[i], 2e-5);
        }

        x.ClearGrad();
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double Bce(double x, double t) => Math.Max(x, 0) - (x * t) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
}
