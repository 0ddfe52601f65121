using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>Elementwise operations at every length, with broadcasting, special values and 16-bit storage, against plain loops.</summary>
[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class ElementwiseTests : TensorTest
{
    private readonly RandomStream _random = new(11);

    private static readonly (string Name, Func<Tensor, Tensor> Op, Func<double, double> Reference)[] s_unary =
    [
        ("neg", Op.Neg, x => -x),
        ("exp", Op.Exp, Math.Exp),
        ("log", x => Op.Log(Op.Abs(x)), x => Math.Log(Math.Abs(x))),
        ("sqrt", x => Op.Sqrt(Op.Abs(x)), x => Math.Sqrt(Math.Abs(x))),
        ("square", Op.Square, x => x * x),
        ("abs", Op.Abs, Math.Abs),
        ("relu", Op.Relu, x => Math.Max(x, 0)),
        ("sigmoid", Op.Sigmoid, x => 1 / (1 + Math.Exp(-x))),
        ("tanh", Op.Tanh, Math.Tanh),
        ("silu", Op.Silu, x => x / (1 + Math.Exp(-x))),
        ("quick gelu", x => Op.Gelu(x, GeluKind.Quick), x => x / (1 + Math.Exp(-1.702 * x))),
        ("gelu tanh", x => Op.Gelu(x, GeluKind.Tanh), x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))))),
        ("softplus", Op.Softplus, x => Math.Log(1 + Math.Exp(x))),
        ("log sigmoid", Op.LogSigmoid, x => -Math.Log(1 + Math.Exp(-x))),
        ("clamp", x => Op.Clamp(x, -0.5f, 1.5f), x => Math.Clamp(x, -0.5, 1.5)),
        ("scale", x => Op.Scale(x, 1.7f), x => x * 1.7f),
        ("add scalar", x => Op.AddScalar(x, 1.7f), x => x + 1.7f),
    ];

    private static readonly (string Name, Func<Tensor, Tensor, Tensor> Op, Func<double, double, double> Reference)[] s_binary =
    [
        ("add", Op.Add, (a, b) => a + b),
        ("sub", Op.Sub, (a, b) => a - b),
        ("mul", Op.Mul, (a, b) => a * b),
        ("div", Op.Div, (a, b) => a / b),
        ("minimum", Op.Minimum, Math.Min),
        ("maximum", Op.Maximum, Math.Max),
    ];

    [Fact]
    public void Unary_at_every_length()
    {
        for (var n = 0; n <= 256; n++)
        {
            using var scope = TensorScope.Open();
            var x = Gradients.Normal(_random, [n], 2);
            var values = x.ToArray<float>();
            foreach (var (name, op, reference) in s_unary)
            {
                var y = op(x).ToArray<float>();
                for (var i = 0; i < n; i++) Near(reference(values[i]), y[i], 4e-6, $"{name} length {n} [{i}]");
            }
        }
    }

    [Fact]
    public void Binary_at_every_length()
    {
        for (var n = 0; n <= 256; n++)
        {
            using var scope = TensorScope.Open();
            var (a, b) = (Gradients.Normal(_random, [n], 2), Gradients.Normal(_random, [n], 2));
            var (left, right) = (a.ToArray<float>(), b.ToArray<float>());
            foreach (var (name, op, reference) in s_binary)
            {
                var y = op(a, b).ToArray<float>();
                for (var i = 0; i < n; i++) Near(reference(left[i], right[i]), y[i], 2e-6, $"{name} length {n} [{i}]");
            }
        }
    }

    [Theory]
    [InlineData(new[] { 3, 4, 5 }, new[] { 5 })]
    [InlineData(new[] { 3, 4, 5 }, new[] { 4, 1 })]
    [InlineData(new[] { 3, 4, 5 }, new[] { 3, 1, 1 })]
    [InlineData(new[] { 3, 4, 5 }, new[] { 3, 1, 5 })]
    [InlineData(new[] { 3, 1, 5 }, new[] { 4, 1 })]
    [InlineData(new[] { 2, 3, 1, 7 }, new[] { 1, 3, 5, 1 })]
    [InlineData(new[] { 33, 17 }, new int[0])]
    [InlineData(new int[0], new[] { 2, 3 })]
    [InlineData(new[] { 0, 4 }, new[] { 4 })]
    public void Broadcasts_as_numpy(int[] left, int[] right)
    {
        var (a, b) = (Gradients.Normal(_random, new Shape(left)), Gradients.Normal(_random, new Shape(right)));
        foreach (var (name, op, reference) in s_binary)
        {
            var y = op(a, b);
            var (p, q, results) = (a.ToArray<float>(), b.ToArray<float>(), y.ToArray<float>());
            for (var i = 0; i < results.Length; i++)
            {
                var expected = reference(p[Position(y.Shape, a.Shape, i)], q[Position(y.Shape, b.Shape, i)]);
                Near(expected, results[i], 2e-6, $"{name} {a} {b} [{i}]");
            }
        }

        if (a.Count == 0) return;
        foreach (var (_, op, _) in s_binary[..3]) Gradients.Check([a, b], () => op(a, b), _random);
        Gradients.Change(b, value => 2 + Math.Abs(value));
        Gradients.Check([a, b], () => Op.Div(a, b), _random);
    }

    [Fact]
    public void Shapes_that_do_not_broadcast_are_named()
    {
        var error = Assert.Throws<ShapeException>(() => Op.Add(Tensor.Zeros([2, 3]), Tensor.Zeros([4])));
        Assert.Contains("[2, 3]", error.Message);
        Assert.Contains("[4]", error.Message);
    }

    [Fact]
    public void Minimum_and_maximum_share_the_gradient_of_equal_sides()
    {
        var (a, b) = (Tensor.From([1f, 2f, 3f], [3]).AsParameter(), Tensor.From([1f, 5f, 0f], [3]).AsParameter());
        using (var tape = Tape.Record()) tape.Backward(Op.Sum(Op.Maximum(a, b)));
        Assert.Equal([0.5f, 0f, 1f], a.Grad!.ToArray<float>());
        Assert.Equal([0.5f, 1f, 0f], b.Grad!.ToArray<float>());
        a.Dispose();
        b.Dispose();
    }

    [Fact]
    public void Special_values_pass()
    {
        float[] values = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f];
        var x = Tensor.From(values, [4]);
        Assert.Equal([float.NaN, float.PositiveInfinity, 0f, 0f], Op.Relu(x).ToArray<float>());
        Assert.Equal([float.NaN, 1f, 0f, 0.5f], Op.Sigmoid(x).ToArray<float>());
        Assert.Equal([float.NaN, float.PositiveInfinity, 0f, 1f], Op.Exp(x).ToArray<float>());
        Assert.Equal([float.NaN, float.PositiveInfinity, 0f, MathF.Log(2)], Op.Softplus(x).ToArray<float>());
        Assert.Equal([float.NaN, 0f, float.NegativeInfinity, -MathF.Log(2)], Op.LogSigmoid(x).ToArray<float>());
        Assert.Equal([float.NaN, 1f, -1f, 0f], Op.Clamp(x, -1, 1).ToArray<float>());
        Assert.Equal([float.NaN, float.NaN, float.NegativeInfinity, 0f], Op.Minimum(x, Tensor.From([1f, float.NaN, 5f, 2f], [4])).ToArray<float>());
    }

    [Theory]
    [InlineData(DType.BFloat16, 0.01)]
    [InlineData(DType.Float16, 0.002)]
    public void Sixteen_bit_storage_rounds_once(DType type, double tolerance)
    {
        var x = Op.Cast(Gradients.Normal(_random, [3, 701], 2), type);
        var wide = Op.Cast(x, DType.Float32);
        var values = wide.ToArray<float>();
        foreach (var (name, op, _) in s_unary)
        {
            var expected = Op.Cast(op(wide), type);
            var y = op(x);
            Assert.Equal(type, y.DType);
            if (name is "log" or "sqrt") continue; // two operations, each rounded
            Assert.Equal(Op.Cast(expected, DType.Float32).ToArray<float>(), Op.Cast(y, DType.Float32).ToArray<float>());
        }

        var bias = Op.Cast(Gradients.Normal(_random, [701]), type);
        var sum = Op.Add(x, bias);
        Assert.Equal(Op.Cast(Op.Cast(Op.Add(wide, Op.Cast(bias, DType.Float32)), type), DType.Float32).ToArray<float>(), Op.Cast(sum, DType.Float32).ToArray<float>());
        var mean = Op.Cast(Op.Mean(x, false, 1), DType.Float32).ToArray<float>();
        for (var i = 0; i < 3; i++)
        {
            double expected = 0;
            for (var j = 0; j < 701; j++) expected += values[(i * 701) + j] / 701.0;
            Near(expected, mean[i], tolerance, $"mean {i}");
        }
    }

    [Fact]
    public void Gradients_are_the_difference_quotients()
    {
        foreach (var (name, op, _) in s_unary)
        {
            var x = Gradients.Normal(_random, [5, 7]);
            // away from the kinks of abs, relu, log and clamp
            Gradients.Change(x, value => value + (value < 0 ? -0.1f : 0.1f));
            if (name == "clamp") Gradients.Change(x, value => Math.Abs(value + 0.5f) < 0.05f || Math.Abs(value - 1.5f) < 0.05f ? 1f : value);
            Gradients.Check([x], () => op(x), _random);
        }

        var p = Tensor.From([0.2f, 0.5f, 0.9f], [3]);
        Gradients.Check([p], () => Op.Logit(p), _random, h: 1e-3f);
    }

    private static int Position(Shape result, Shape operand, int index)
    {
        var (position, run) = (0, 1);
        for (var i = 1; i <= result.Rank; i++)
        {
            var at = index % result[^i];
            index /= result[^i];
            if (i > operand.Rank) continue;
            if (operand[^i] != 1) position += at * run;
            run *= operand[^i];
        }

        return position;
    }

    private static void Near(double expected, float actual, double tolerance, string what)
    {
        var same = expected.Equals(actual) || Math.Abs(expected - actual) <= tolerance * (1 + Math.Abs(expected));
        Assert.True(same || double.IsInfinity(expected), $"{what}: got {actual:R}, expected {expected:R}");
    }
}
