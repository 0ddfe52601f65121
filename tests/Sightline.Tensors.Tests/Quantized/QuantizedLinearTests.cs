using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Cpu.Quantized;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Quantized;

[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class QuantizedLinearTests : TensorTest
{
    private static readonly int[] s_rows = [1, 2, 3, 4, 5, 8, 9, 13];

    public static TheoryData<QuantizedFormat> Formats => [QuantizedFormat.Int8, QuantizedFormat.Int4];

    [Theory]
    [MemberData(nameof(Formats))]
    [Trait("Isa", "each")]
    public void The_result_is_the_dequantized_product_within_the_rounding_of_the_activations(QuantizedFormat format)
    {
        for (var K = 0; K <= 256; K++)
        {
            using var scope = TensorScope.Open();
            var (M, N) = (s_rows[K % s_rows.Length], 1 + (K % 37));
            var x = Values.Normal([M, K], K);
            var bias = K % 2 == 0 ? Values.Normal([N], K + 1) : null;
            using var weight = QuantizedWeight.Quantize(Values.Normal([N, K], K + 2), format);
            AssertWithinBound(x, weight, bias, Op.QuantizedLinear(x, weight, bias));
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    [Trait("Isa", "each")]
    public void Large_shapes_pass_every_block_border(QuantizedFormat format)
    {
        foreach (var (M, N, K) in new[] { (100, 70, 1100), (7, 150, 2049), (1, 300, 3000), (2, 65, 1056), (4, 40, 4000), (8, 33, 1500) })
        {
            using var scope = TensorScope.Open();
            var x = Values.Normal([M, K], K);
            var bias = Values.Normal([N], K + 1);
            using var weight = QuantizedWeight.Quantize(Values.Normal([N, K], K + 2), format);
            AssertWithinBound(x, weight, bias, Op.QuantizedLinear(x, weight, bias));
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    [Trait("Isa", "each")]
    [Trait("Engine", "cpu")]
    public void Every_instruction_set_gives_the_bits_of_the_specification(QuantizedFormat format)
    {
        foreach (var M in s_rows)
        {
            foreach (var (N, K) in new[] { (1, 1), (8, 32), (33, 127), (40, 128), (70, 300), (131, 1300) })
            {
                using var scope = TensorScope.Open();
                var x = Values.Normal([M, K], M + K);
                var bias = Values.Normal([N], N);
                using var weight = QuantizedWeight.Quantize(Values.Normal([N, K], K + 2), format);
                var specified = Specified(x, weight, bias);
                Assert.Equal(specified, Op.QuantizedLinear(x, weight, bias).ToArray<float>());
                if (!Avx2.IsSupported) continue;
                if (DotProductCode.Instance is { } code)
                {
                    Assert.Equal(specified, WithCode(x, weight, bias, code, isThin: false));
                    if (M <= CpuEngine.MaxThinRows) Assert.Equal(specified, WithCode(x, weight, bias, code, isThin: true));
                }

                if (format == QuantizedFormat.Int8)
                {
                    Assert.Equal(specified, With<Int8Wide256, VectorPair<int>, VectorPair<short>, Vector256<short>>(x, weight, bias));
                    Assert.Equal(specified, With<EmulatedInt8Vnni, Vector256<int>, Vector256<byte>, Vector256<sbyte>>(x, weight, bias));
                    if (Avx512BW.IsSupported) Assert.Equal(specified, With<Int8Wide512, Vector512<int>, Vector512<short>, Vector512<short>>(x, weight, bias));
                    if (AvxVnni.IsSupported) Assert.Equal(specified, With<Int8Vnni, Vector256<int>, Vector256<byte>, Vector256<sbyte>>(x, weight, bias));
                }
                else
                {
                    Assert.Equal(specified, With<Int4Avx2, Vector256<short>, Vector256<byte>, Vector256<sbyte>>(x, weight, bias));
                    Assert.Equal(specified, With<EmulatedInt4Vnni, Vector256<int>, Vector256<byte>, Vector256<sbyte>>(x, weight, bias));
                    if (AvxVnni.IsSupported) Assert.Equal(specified, With<Int4Vnni, Vector256<int>, Vector256<byte>, Vector256<sbyte>>(x, weight, bias));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    [Trait("Isa", "each")]
    public void The_largest_numbers_do_not_overflow(QuantizedFormat format)
    {
        using var scope = TensorScope.Open();
        foreach (var sign in new[] { 1f, -1f })
        {
            foreach (var M in s_rows)
            {
                var x = Tensor.Full([M, 256], 127);
                using var weight = QuantizedWeight.Quantize(Tensor.Full([8, 256], sign * 127), format);
                var expected = weight.Dequantize().ToArray<float>()[..256].Sum(value => (double)value * 127);
                Assert.All(Op.QuantizedLinear(x, weight).ToArray<float>(), value => Assert.Equal((float)expected, value, 1e-6f * MathF.Abs((float)expected)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    [Trait("Isa", "each")]
    public void An_outlier_spoils_its_own_group_only_and_what_is_not_finite_shows(QuantizedFormat format)
    {
        using var scope = TensorScope.Open();
        var values = Values.Normal([1, 512], 3).ToArray<float>();
        using var weight = QuantizedWeight.Quantize(Values.Normal([8, 512], 4), format);
        values[130] = 1e6f;
        var x = Tensor.From(values, [1, 512]);
        AssertWithinBound(x, weight, null, Op.QuantizedLinear(x, weight));
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            values[130] = bad;
            var rows = Tensor.From<float>([.. values, .. Values.Normal([1, 512], 5).ToArray<float>()], [2, 512]);
            var y = Op.QuantizedLinear(rows, weight).ToArray<float>();
            Assert.All(y[..8], value => Assert.True(float.IsNaN(value)));
            Assert.All(y[8..], value => Assert.True(float.IsFinite(value)));
        }

        // magnitudes whose 127 / max overflows count as zero
        Assert.All(Op.QuantizedLinear(Tensor.Full([1, 512], float.Epsilon), weight).ToArray<float>(), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void Sixteen_bit_activations_are_widened_exactly_and_the_result_rounded_once(DType type)
    {
        using var scope = TensorScope.Open();
        using var weight = QuantizedWeight.Quantize(Values.Normal([20, 100], 1), QuantizedFormat.Int8);
        var narrow = Cast(Values.Normal([5, 100], 2), type);
        var expected = Cast(Op.QuantizedLinear(Cast(narrow, DType.Float32), weight), type);
        Assert.Equal(Cast(expected, DType.Float32).ToArray<float>(), Cast(Op.QuantizedLinear(narrow, weight), DType.Float32).ToArray<float>());
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Leading_axes_are_rows(QuantizedFormat format)
    {
        using var scope = TensorScope.Open();
        using var weight = QuantizedWeight.Quantize(Values.Normal([9, 64], 1), format);
        var x = Values.Normal([2, 3, 64], 2); // [B, T, K]
        var y = Op.QuantizedLinear(x, weight);
        Assert.Equal(new Shape(2, 3, 9), y.Shape);
        Assert.Equal(Op.QuantizedLinear(Op.Reshape(x, 6, 64), weight).ToArray<float>(), y.ToArray<float>());
    }

    [Fact]
    public void Empty_tensors_are_fine_and_what_does_not_fit_is_refused()
    {
        using var scope = TensorScope.Open();
        using var weight = QuantizedWeight.Quantize(Values.Normal([9, 64], 1), QuantizedFormat.Int8);
        Assert.Equal(0, Op.QuantizedLinear(Tensor.Zeros([0, 64]), weight).Count);
        Assert.Contains("64", Assert.Throws<ShapeException>(() => Op.QuantizedLinear(Tensor.Zeros([2, 63]), weight)).Message, StringComparison.Ordinal);
        Assert.Throws<ShapeException>(() => Op.QuantizedLinear(Tensor.Zeros([2, 64], DType.Int32), weight));
        Assert.Throws<ShapeException>(() => Op.QuantizedLinear(Tensor.Zeros([2, 64]), weight, Tensor.Zeros([8])));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    [Trait("Isa", "each")]
    public void The_gradient_is_that_of_the_dequantized_weight(QuantizedFormat format)
    {
        foreach (var (M, N, K) in new[] { (1, 1, 1), (3, 9, 33), (7, 40, 130), (20, 70, 257), (5, 300, 40), (98, 1100, 70) })
        {
            using var scope = TensorScope.Open();
            using var weight = QuantizedWeight.Quantize(Values.Normal([N, K], 1), format);
            var x = Values.Normal([M, K], 2);
            x.RequiresGrad = true;
            var seed = Values.Normal([M, N], 3);
            for (var pass = 1; pass <= 2; pass++)
            {
                using var tape = Tape.Record();
                tape.Backward(Op.QuantizedLinear(x, weight), seed.Clone());
                AssertGradient(seed, weight, x.Grad!, pass); // the second pass adds to the first
            }
        }
    }

    [Fact]
    public void The_gradient_of_leading_axes_is_that_of_their_rows()
    {
        using var scope = TensorScope.Open();
        using var weight = QuantizedWeight.Quantize(Values.Normal([9, 64], 1), QuantizedFormat.Int8);
        var (x, rows, seed) = (Values.Normal([2, 3, 64], 2), Values.Normal([6, 64], 2), Values.Normal([2, 3, 9], 3)); // [B, T, K]
        (x.RequiresGrad, rows.RequiresGrad) = (true, true);
        for (var pass = 1; pass <= 2; pass++) // the second pass adds to the first
        {
            using var tape = Tape.Record();
            tape.Backward(Op.QuantizedLinear(x, weight), seed.Clone());
            tape.Backward(Op.QuantizedLinear(rows, weight), Op.Reshape(seed, 6, 9).Clone());
            Assert.Equal(rows.Grad!.ToArray<float>(), x.Grad!.ToArray<float>());
        }
    }

    [Fact]
    public void Sixteen_bit_gradients_follow_the_type_of_the_activations()
    {
        using var scope = TensorScope.Open();
        using var weight = QuantizedWeight.Quantize(Values.Normal([12, 40], 1), QuantizedFormat.Int4);
        var x = Cast(Values.Normal([5, 40], 2), DType.BFloat16);
        x.RequiresGrad = true;
        var seed = Cast(Values.Normal([5, 12], 3), DType.BFloat16);
        using var tape = Tape.Record();
        tape.Backward(Op.QuantizedLinear(x, weight), seed.Clone());
        var wide = Tensor.Empty(x.Shape);
        wide.Engine.QuantizedLinearBackward(Cast(seed, DType.Float32), weight, wide, 0);
        Assert.Equal(Cast(wide, DType.BFloat16).ToArray<BFloat16>(), x.Grad!.ToArray<BFloat16>());
    }

    private static unsafe float[] Specified(Tensor x, QuantizedWeight weight, Tensor bias)
    {
        var y = Tensor.Empty([x.Shape.Rows, weight.OutputSize]);
        CpuEngine.RunScalar(new QuantizedCall(x, weight, bias.F32, y.F32));
        return y.ToArray<float>();
    }

    private static unsafe float[] WithCode(Tensor x, QuantizedWeight weight, Tensor bias, DotProductCode code, bool isThin)
    {
        var y = Tensor.Empty([x.Shape.Rows, weight.OutputSize]);
        CpuEngine.Run(new QuantizedCall(x, weight, bias.F32, y.F32), code, isThin);
        return y.ToArray<float>();
    }

    private static unsafe float[] With<TKernel, TAcc, TWeight, TActivation>(Tensor x, QuantizedWeight weight, Tensor bias)
        where TKernel : struct, IQuantizedKernel<TAcc, TWeight, TActivation>
        where TAcc : struct
        where TWeight : struct
        where TActivation : struct
    {
        var y = Tensor.Empty([x.Shape.Rows, weight.OutputSize]);
        CpuEngine.Run<TKernel, TAcc, TWeight, TActivation>(new QuantizedCall(x, weight, bias.F32, y.F32));
        return y.ToArray<float>();
    }

    private static Tensor Cast(Tensor source, DType type)
    {
        var target = Tensor.Empty(source.Shape, type);
        source.Engine.Cast(source, target);
        return target;
    }

    /// <summary>
    /// |y - x W^T - b| ≤ sum over groups of (scale of the group / 2) x (sum of |w|), plus float32 rounding: one for each group
    /// and two at the end, of partial sums no larger than sum |x||w| + the bound, plus what is lost in 1 / scale.
    /// </summary>
    private static void AssertWithinBound(Tensor x, QuantizedWeight weight, Tensor? bias, Tensor y)
    {
        var (M, N, K, G) = (x.Shape.Rows, weight.OutputSize, weight.InputSize, weight.ActivationGroup);
        var (xs, ws, ys, bs) = (x.ToArray<float>(), weight.Dequantize().ToArray<float>(), y.ToArray<float>(), bias?.ToArray<float>());
        for (var m = 0; m < M; m++)
        {
            for (var n = 0; n < N; n++)
            {
                double exact = bs?[n] ?? 0, bound = 0, magnitude = Math.Abs(exact);
                for (var start = 0; start < K; start += G)
                {
                    double largest = 0, weights = 0;
                    for (var k = start; k < Math.Min(K, start + G); k++)
                    {
                        var product = (double)xs[(m * K) + k] * ws[(n * K) + k];
                        exact += product;
                        magnitude += Math.Abs(product);
                        largest = Math.Max(largest, Math.Abs(xs[(m * K) + k]));
                        weights += Math.Abs(ws[(n * K) + k]);
                    }

                    bound += largest / 127 * 0.50002 * weights;
                }

                var rounding = (((K + G - 1) / G) + 3) * Math.Pow(2, -23) * (magnitude + bound);
                Assert.InRange(ys[(m * N) + n] - exact, -bound - rounding, bound + rounding);
            }
        }
    }

    /// <summary>
    /// Against float64: a sum of N products in float32 is off by at most N 2^-23 times the sum of magnitudes. In int8, dy times the scales is rounded by at most 1 / 64,516
    /// of the largest magnitude in a group of 128 channels (0.1 % more for what 127 / largest and its like are rounded by), against numbers of the weight without their scales.
    /// </summary>
    private static void AssertGradient(Tensor seed, QuantizedWeight weight, Tensor gradient, int times)
    {
        var (M, N, K) = (seed.Shape.Rows, weight.OutputSize, weight.InputSize);
        var (dy, ws, dx) = (seed.ToArray<float>(), weight.Dequantize().ToArray<float>(), gradient.ToArray<float>());
        var (numbers, scales) = (weight.Values().ToArray<sbyte>(), weight.Format == QuantizedFormat.Int8 ? weight.Scales().ToArray<float>() : null);
        for (var m = 0; m < M; m++)
        {
            for (var k = 0; k < K; k++)
            {
                double exact = 0, magnitude = 0;
                for (var n = 0; n < N; n++)
                {
                    exact += times * (double)dy[(m * N) + n] * ws[(n * K) + k];
                    magnitude += times * Math.Abs((double)dy[(m * N) + n] * ws[(n * K) + k]);
                }

                var bound = (N + 2) * Math.Pow(2, -23) * magnitude;
                for (var start = 0; scales is not null && start < N; start += 128)
                {
                    double largest = 0, sum = 0;
                    for (var n = start; n < Math.Min(N, start + 128); n++)
                    {
                        largest = Math.Max(largest, Math.Abs((double)dy[(m * N) + n] * scales[n]));
                        sum += Math.Abs((double)numbers[(n * K) + k]);
                    }

                    bound += times * 1.001 / 64_516 * largest * sum;
                }

                Assert.InRange(dx[(m * K) + k] - exact, -bound, bound);
            }
        }
    }
}
