using Sightline.Tensors.Quantized;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Quantized;

[Collection(Alone.Name)]
public sealed class QuantizedWeightTests : TensorTest
{
    [Theory]
    [InlineData(QuantizedFormat.Int8)]
    [InlineData(QuantizedFormat.Int4)]
    public void Every_number_is_within_half_a_step_of_the_original(QuantizedFormat format)
    {
        using var scope = TensorScope.Open();
        foreach (var (N, K) in new[] { (1, 1), (3, 31), (8, 32), (9, 33), (17, 127), (24, 160), (5, 256) })
        {
            var w = Values.Normal([N, K], (N * 1000) + K); // [N, K]
            using var weight = QuantizedWeight.Quantize(w, format);
            var (original, stands) = (w.ToArray<float>(), weight.Dequantize().ToArray<float>());
            for (var n = 0; n < N; n++)
            {
                for (var k = 0; k < K; k++)
                {
                    var at = (n * K) + k;
                    // the last int4 number, +7, is one step short of the largest positive magnitude; a bfloat16 scale may be off by 2^-9
                    var scale = MathF.Abs(weight.ScaleAt(n, k));
                    var allowed = format == QuantizedFormat.Int8 ? 0.5001f * scale : scale * 1.001f;
                    Assert.InRange(stands[at] - original[at], -allowed, allowed);
                }
            }
        }
    }

    [Fact]
    public void The_rules_are_those_of_the_documentation()
    {
        using var scope = TensorScope.Open();
        using var eight = QuantizedWeight.Quantize(Tensor.From<float>([-2, 1, 0.5f, 0.0079f], [1, 4]), QuantizedFormat.Int8);
        Assert.Equal([2 / 127f], eight.Scales().ToArray<float>());
        Assert.Equal([-127, 64, 32, 1], eight.Values().ToArray<sbyte>()); // 63.5 rounds to even
        using var four = QuantizedWeight.Quantize(Tensor.From<float>([4, -4, 2, -1, 0.3f], [1, 5]), QuantizedFormat.Int4);
        Assert.Equal([(BFloat16)(-0.5f)], four.Scales().ToArray<BFloat16>());
        Assert.Equal([-8, 7, -4, 2, -1], four.Values().ToArray<sbyte>());
    }

    [Theory]
    [InlineData(QuantizedFormat.Int8)]
    [InlineData(QuantizedFormat.Int4)]
    public void Numbers_and_scales_give_the_same_weight_back(QuantizedFormat format)
    {
        using var scope = TensorScope.Open();
        foreach (var (N, K) in new[] { (1, 1), (9, 33), (16, 128), (5, 200) })
        {
            using var weight = QuantizedWeight.Quantize(Values.Normal([N, K], K), format);
            using var copy = QuantizedWeight.FromValues(weight.Values(), weight.Scales(), format);
            Assert.Equal(weight.Dequantize().ToArray<float>(), copy.Dequantize().ToArray<float>());
        }
    }

    [Theory]
    [InlineData(QuantizedFormat.Int8)]
    [InlineData(QuantizedFormat.Int4)]
    public void Sixteen_bit_floats_quantize_as_their_values_do(QuantizedFormat format)
    {
        using var scope = TensorScope.Open();
        foreach (var type in new[] { DType.BFloat16, DType.Float16 })
        {
            var narrow = Tensor.Empty([7, 70], type);
            narrow.Engine.Cast(Values.Normal([7, 70], 5), narrow);
            var wide = Tensor.Empty([7, 70]);
            wide.Engine.Cast(narrow, wide);
            using var first = QuantizedWeight.Quantize(narrow, format);
            using var second = QuantizedWeight.Quantize(wide, format);
            Assert.Equal(second.Dequantize().ToArray<float>(), first.Dequantize().ToArray<float>());
        }
    }

    [Theory]
    [InlineData(QuantizedFormat.Int8)]
    [InlineData(QuantizedFormat.Int4)]
    public void Zeros_stay_zero_and_what_is_not_finite_shows(QuantizedFormat format)
    {
        using var scope = TensorScope.Open();
        using var zero = QuantizedWeight.Quantize(Tensor.Zeros([3, 40]), format);
        Assert.All(zero.Dequantize().ToArray<float>(), value => Assert.Equal(0, value));
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            using var weight = QuantizedWeight.Quantize(Tensor.From<float>([1, 2, bad, 3, 1, 1, 1, 1], [2, 4]), format);
            var values = weight.Dequantize().ToArray<float>();
            Assert.All(values[..4], value => Assert.True(float.IsNaN(value)));
            Assert.All(values[4..], value => Assert.True(MathF.Abs(value - 1) < 0.13f));
        }
    }

    [Fact]
    public void Sizes_in_memory_are_those_promised()
    {
        using var scope = TensorScope.Open();
        var w = Tensor.Zeros([256, 1536]);
        using var eight = QuantizedWeight.Quantize(w, QuantizedFormat.Int8);
        using var four = QuantizedWeight.Quantize(w, QuantizedFormat.Int4);
        Assert.Equal((256 * 1536) + (256 * 4), eight.Bytes);
        Assert.Equal(256 * 1536 * 9 / 16, four.Bytes);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        using var scope = TensorScope.Open();
        Assert.Throws<ShapeException>(() => QuantizedWeight.Quantize(Tensor.Zeros([4]), QuantizedFormat.Int8));
        Assert.Throws<ShapeException>(() => QuantizedWeight.Quantize(Tensor.Zeros([4, 4], DType.Int32), QuantizedFormat.Int8));
        Assert.Throws<ShapeException>(() => QuantizedWeight.FromValues(Tensor.Zeros([2, 4], DType.Int8), Tensor.Zeros([3]), QuantizedFormat.Int8));
        Assert.Throws<ShapeException>(() => QuantizedWeight.FromValues(Tensor.From<sbyte>([8], [1, 1]), Tensor.Zeros([1, 1]), QuantizedFormat.Int4));
        Assert.Throws<ShapeException>(() => QuantizedWeight.FromValues(Tensor.From<sbyte>([-128], [1, 1]), Tensor.Zeros([1]), QuantizedFormat.Int8));
    }
}
