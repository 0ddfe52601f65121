using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class MatMulTests : TensorTest
{
    public static TheoryData<int, int, int> Sizes
    {
        get
        {
            var data = new TheoryData<int, int, int>();
            foreach (var size in (int[])[0, 1, 2, 3, 5, 8, 13, 14, 15, 16, 17, 31, 33, 64, 100, 255, 256])
            {
                data.Add(size, 29, 37);
                data.Add(29, size, 37);
                data.Add(29, 37, size);
                data.Add(size, size, 3);
                data.Add(1, size, 65);
                if (size > 1) data.Add(size, 1, 65);
            }

            data.Add(2100, 33, 9);
            data.Add(9, 2100, 33);
            data.Add(33, 40, 900);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Agrees_with_sums_in_double(int M, int N, int K)
    {
        var random = new RandomStream(5);
        foreach (var (transposeA, transposeB) in (ReadOnlySpan<(bool, bool)>)[(false, false), (true, false), (false, true), (true, true)])
        {
            var a = Normal(random, transposeA ? [K, M] : [M, K]);
            var b = Normal(random, transposeB ? [N, K] : [K, N]);
            var c = Op.MatMul(a, b, transposeA, transposeB);
            Assert.Equal(new Shape(M, N), c.Shape);
            Compare(Reference(a, transposeA, b, transposeB, M, N, K), c.ToArray<float>(), 1e-6 * Math.Sqrt(K + 1) * 4);
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Gradients_agree_with_finite_differences(bool transposeA, bool transposeB)
    {
        var random = new RandomStream(6);
        var a = Normal(random, transposeA ? [3, 4, 5] : [3, 5, 4]);
        var b = Normal(random, transposeB ? [3, 6, 4] : [3, 4, 6]);
        Gradients.Check([a, b], () => Op.MatMul(a, b, transposeA, transposeB), random);
    }

    [Fact]
    public void A_shared_operand_gets_the_sum_of_its_gradients()
    {
        var random = new RandomStream(7);
        var a = Normal(random, [3, 5, 4]);
        var b = Normal(random, [4, 6]);
        Gradients.Check([a, b], () => Op.MatMul(a, b), random);
        var c = Normal(random, [5, 4]);
        var d = Normal(random, [3, 6, 4]);
        Gradients.Check([c, d], () => Op.MatMul(c, d, false, true), random);
    }

    [Fact]
    public void An_operand_of_two_products_gets_the_sum_of_both_gradients()
    {
        var random = new RandomStream(10);
        var (a, b, c) = (Normal(random, [3, 5, 4]), Normal(random, [4, 6]), Normal(random, [4, 6])); // [B, T, K] and two [K, N]
        Gradients.Check([a, b, c], () => Op.Add(Op.MatMul(a, b), Op.MatMul(a, c)), random);
        var (d, e, f) = (Normal(random, [2, 3, 5, 4]), Normal(random, [2, 3, 4, 6]), Normal(random, [2, 3, 4, 6]));
        Gradients.Check([d, e, f], () => Op.Add(Op.MatMul(d, e), Op.MatMul(d, f)), random);
    }

    [Fact]
    public void Gradients_add_up_over_passes()
    {
        var random = new RandomStream(8);
        var (x, w, b) = (Normal(random, [7, 5]), Normal(random, [6, 5]), Normal(random, [6]));
        w.RequiresGrad = b.RequiresGrad = x.RequiresGrad = true;
        float[]? once = null;
        for (var pass = 0; pass < 2; pass++)
        {
            using var tape = Tape.Record();
            var y = Op.Linear(x, w, b);
            tape.Backward(y, Tensor.Full(y.Shape, 1));
            once ??= [.. w.Grad!.ToArray<float>(), .. b.Grad!.ToArray<float>(), .. x.Grad!.ToArray<float>()];
        }

        float[] twice = [.. w.Grad!.ToArray<float>(), .. b.Grad!.ToArray<float>(), .. x.Grad!.ToArray<float>()];
        for (var i = 0; i < once!.Length; i++) Assert.Equal(2 * once[i], twice[i], 1e-4f);
    }

    [Theory]
    [Trait("Engine", "cpu")]
    [InlineData(1, 300, 700)]
    [InlineData(3, 300, 700)]
    [InlineData(150, 270, 800)]
    [InlineData(2200, 40, 64)]
    public void The_bits_do_not_depend_on_the_thread_count(int M, int N, int K)
    {
        var random = new RandomStream(9);
        var (a, b) = (Normal(random, [M, K]), Normal(random, [N, K]));
        var threads = ThreadTeam.Shared.Threads;
        var results = new List<float[]>();
        foreach (var count in (int[])[1, 2, 3])
        {
            ThreadTeam.SetThreads(count);
            results.Add(Op.MatMul(a, b, false, true).ToArray<float>());
        }

        ThreadTeam.SetThreads(threads);
        Assert.Equal(results[0], results[1]);
        Assert.Equal(results[0], results[2]);
    }

    [Theory]
    [InlineData(DType.BFloat16, 1, 40, 50)]
    [InlineData(DType.BFloat16, 37, 45, 900)]
    [InlineData(DType.Float16, 37, 45, 33)]
    [InlineData(DType.Float16, 2, 45, 33)]
    public void Sixteen_bit_floats_are_summed_in_float32_and_rounded_once(DType type, int M, int N, int K)
    {
        var random = new RandomStream(10);
        foreach (var (transposeA, transposeB) in (ReadOnlySpan<(bool, bool)>)[(false, false), (true, false), (false, true), (true, true)])
        {
            var a = Cast(Cast(Normal(random, transposeA ? [K, M] : [M, K]), type), DType.Float32);
            var b = Cast(Cast(Normal(random, transposeB ? [N, K] : [K, N]), type), DType.Float32);
            var expected = Reference(a, transposeA, b, transposeB, M, N, K);
            var c = Op.MatMul(Cast(a, type), Cast(b, type), transposeA, transposeB);
            Assert.Equal(type, c.DType);
            var actual = Cast(c, DType.Float32).ToArray<float>();
            var step = type == DType.BFloat16 ? 1 / 256.0 : 1 / 2048.0;
            for (var i = 0; i < actual.Length; i++) Assert.InRange(actual[i] - expected[i], -(step * Math.Abs(expected[i])) - 1e-4, (step * Math.Abs(expected[i])) + 1e-4);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public void Infinity_and_not_a_number_stay_in_their_row_and_column(int M)
    {
        var random = new RandomStream(11);
        var (a, b) = (Normal(random, [M, 40]), Normal(random, [50, 40]));
        a.Write([float.PositiveInfinity], 3);
        b.Write([float.NaN], (7 * 40) + 5);
        var c = Op.MatMul(a, b, false, true).ToArray<float>();
        for (var m = 0; m < M; m++)
        {
            for (var n = 0; n < 50; n++)
            {
                var value = c[(m * 50) + n];
                if (n == 7) Assert.True(float.IsNaN(value));
                else if (m == 0) Assert.True(float.IsInfinity(value));
                else Assert.True(float.IsFinite(value));
            }
        }
    }

    [Fact]
    public void Wrong_sizes_are_named()
    {
        var error = Assert.Throws<ShapeException>(() => Op.MatMul(Tensor.Zeros([4, 8]), Tensor.Zeros([9, 2])));
        Assert.Contains("[4, 8]", error.Message);
        Assert.Contains("[9, 2]", error.Message);
    }

    private static Tensor Normal(RandomStream random, Shape shape) => Gradients.Normal(random, shape);

    private static Tensor Cast(Tensor x, DType type)
    {
        var y = Tensor.Empty(x.Shape, type);
        y.Engine.Cast(x, y);
        return y;
    }

    private static double[] Reference(Tensor a, bool transposeA, Tensor b, bool transposeB, int M, int N, int K)
    {
        var (x, y) = (a.ToArray<float>(), b.ToArray<float>());
        var c = new double[M * N];
        for (var m = 0; m < M; m++)
        {
            for (var n = 0; n < N; n++)
            {
                double sum = 0;
                for (var k = 0; k < K; k++) sum += (double)x[transposeA ? (k * M) + m : (m * K) + k] * y[transposeB ? (n * K) + k : (k * N) + n];
                c[(m * N) + n] = sum;
            }
        }

        return c;
    }

    private static void Compare(double[] expected, float[] actual, double allowed)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= allowed, $"[{i}]: {actual[i]}, expected {expected[i]}");
    }
}
