using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>
/// Products of operands rounded to bfloat16, against sums in float64 of the same rounded operands (or of the operands themselves, where the processor does not multiply pairs).
/// A sum of K products in float32 is off by at most K roundings of 2^-24 of the sum of magnitudes, and half a unit more where it is kept.
/// </summary>
[Trait("Isa", "each")]
[Collection(Alone.Name)]
public sealed class BFloat16ProductsTests : TensorTest
{
    [Theory]
    [InlineData(40, 33, 1)]
    [InlineData(17, 16, 2)]
    [InlineData(14, 32, 7)]
    [InlineData(31, 70, 64)]
    [InlineData(100, 40, 131)]
    [InlineData(29, 97, 1601)]
    public void Float32_operands_are_rounded_and_summed_in_float32(int M, int N, int K)
    {
        foreach (var (transposeA, transposeB) in new[] { (false, false), (false, true), (true, false), (true, true) })
        {
            var (a, b) = (Normal(1, transposeA ? K : M, transposeA ? M : K), Normal(2, transposeB ? N : K, transposeB ? K : N));
            using var rounded = BFloat16Products.Allow();
            var c = Op.MatMul(a, b, transposeA, transposeB).ToArray<float>();
            var isRounded = PairTile.Suits(a.DType, b.DType, BFloat16Products.AreAllowed) && !FewRows.Suits(M, N, K, Lines(a, transposeA), Lines(b, !transposeB));
            Compare(c, a.ToArray<float>(), transposeA, b.ToArray<float>(), transposeB, M, N, K, isRounded);
        }
    }

    [Fact]
    public void Bfloat16_operands_need_no_rounding()
    {
        const int M = 45, N = 50, K = 133;
        var (a, b) = (Op.Cast(Normal(1, M, K), DType.BFloat16), Op.Cast(Normal(2, N, K), DType.BFloat16));
        using var c = Tensor.Empty([M, N]);
        Engine.Default.MatMul(a, false, b, true, null, c, 0);
        Compare(c.ToArray<float>(), Op.Cast(a, DType.Float32).ToArray<float>(), false, Op.Cast(b, DType.Float32).ToArray<float>(), true, M, N, K, isRounded: false);
    }

    [Fact]
    public void What_is_no_number_or_infinite_stays_so()
    {
        var (a, b) = (Normal(1, 20, 40), Normal(2, 40, 32));
        a.AsSpan<float>()[(3 * 40) + 39] = float.NaN;
        a.AsSpan<float>()[(5 * 40) + 1] = BitConverter.UInt32BitsToSingle(0x7F800001); // no number whose upper half alone is infinite
        a.AsSpan<float>()[7 * 40] = float.PositiveInfinity;
        b.AsSpan<float>()[..32].Fill(1);
        using var rounded = BFloat16Products.Allow();
        var c = Op.MatMul(a, b).ToArray<float>();
        for (var j = 0; j < 32; j++)
        {
            Assert.True(float.IsNaN(c[(3 * 32) + j]));
            Assert.True(float.IsNaN(c[(5 * 32) + j]));
            Assert.Equal(float.PositiveInfinity, c[(7 * 32) + j]);
            Assert.True(float.IsFinite(c[(4 * 32) + j]));
        }
    }

    [Fact]
    public void Nothing_is_rounded_outside_or_where_rows_must_not_depend_on_each_other()
    {
        var (a, b) = (Normal(1, 40, 64), Normal(2, 48, 64));
        var exact = Op.MatMul(a, b, false, true).ToArray<float>();
        using (BFloat16Products.Allow(false)) Assert.Equal(exact, Op.MatMul(a, b, false, true).ToArray<float>());
        using (BFloat16Products.Allow())
        {
            using var rows = RowIndependence.Require();
            Assert.Equal(exact, Op.MatMul(a, b, false, true).ToArray<float>());
        }

        Assert.False(BFloat16Products.AreAllowed);
        Assert.Equal(exact, Op.MatMul(a, b, false, true).ToArray<float>());
    }

    [Fact]
    public void Gradients_through_int4_weights_may_be_rounded()
    {
        const int M = 30, N = 65, K = 128;
        using var weight = QuantizedWeight.Quantize(Normal(2, N, K), QuantizedFormat.Int4);
        using var wide = weight.Dequantize();
        var dy = Normal(1, M, N);
        using var dx = Tensor.Empty([M, K]);
        using var rounded = BFloat16Products.Allow();
        Engine.Default.QuantizedLinearBackward(dy, weight, dx, 0);
        Compare(dx.ToArray<float>(), dy.ToArray<float>(), false, wide.ToArray<float>(), false, M, K, N, PairTile.Suits(DType.Float32, DType.Float32, true));
    }

    private static StridedLines Lines(Tensor x, bool transposed)
    {
        unsafe
        {
            return new StridedLines(null, DType.Float32, transposed ? 1 : x.Shape[^1], transposed ? x.Shape[^1] : 1);
        }
    }

    private static void Compare(float[] c, float[] a, bool transposeA, float[] b, bool transposeB, int M, int N, int K, bool isRounded)
    {
        double A(int i, int k) => Value(a[transposeA ? (k * M) + i : (i * K) + k], isRounded);
        double B(int k, int j) => Value(b[transposeB ? (j * K) + k : (k * N) + j], isRounded);
        for (var i = 0; i < M; i++)
        {
            for (var j = 0; j < N; j++)
            {
                var (sum, magnitude) = (0.0, 0.0);
                for (var k = 0; k < K; k++)
                {
                    var product = A(i, k) * B(k, j);
                    sum += product;
                    magnitude += Math.Abs(product);
                }

                var difference = Math.Abs(c[(i * N) + j] - sum);
                Assert.True(difference <= (K + 1) * Math.Pow(2, -24) * magnitude, $"row {i}, column {j}: {c[(i * N) + j]} beside {sum}");
            }
        }
    }

    private static double Value(float value, bool isRounded) => isRounded ? (float)(BFloat16)value : value;

    private static Tensor Normal(ulong seed, int rows, int columns)
    {
        var random = new RandomStream(seed);
        var values = new float[rows * columns];
        for (var i = 0; i < values.Length; i++) values[i] = (float)random.NextNormal();
        return Tensor.From(values, [rows, columns]);
    }
}
