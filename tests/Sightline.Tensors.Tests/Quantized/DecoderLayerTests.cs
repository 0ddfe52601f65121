using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Quantized;

/// <summary>The layer in one kernel against the operations it stands for, bit by bit, cache included.</summary>
[Collection(Alone.Name)]
public sealed class DecoderLayerTests : TensorTest
{
    private const float Epsilon = 1e-6f;
    private const int Slots = 300;

    [Theory]
    [InlineData(QuantizedFormat.Int8, QuantizedFormat.Int8, true, false)]
    [InlineData(QuantizedFormat.Int4, QuantizedFormat.Int4, true, false)]
    [InlineData(QuantizedFormat.Int4, QuantizedFormat.Int8, false, true)]
    [Trait("Isa", "each")]
    public void It_gives_the_bits_of_its_operations(QuantizedFormat inputs, QuantizedFormat outputs, bool hasBias, bool hasHeadNorms)
    {
        if (!Avx2.IsSupported) return; // there is no such kernel then
        var before = ThreadTeam.Shared.Threads;
        foreach (var threads in new[] { 1, 3 })
        {
            ThreadTeam.SetThreads(threads);
            // the last channels fill neither a block nor a group
            foreach (var (T, H, Hkv, D, C, I) in new[] { (1, 6, 2, 32, 200, 456), (2, 4, 4, 16, 96, 333), (5, 8, 1, 24, 160, 1100), (8, 6, 2, 128, 256, 512) })
            {
                using var scope = TensorScope.Open();
                var layer = Make(inputs, outputs, hasBias, hasHeadNorms, H, Hkv, D, C, I);
                var (one, other) = (Step(T, C, Hkv, D), Step(T, C, Hkv, D));
                var y = Op.DecoderLayer(layer, one);
                Assert.NotNull(y);
                Assert.Equal(Composed(layer, other).ToArray<float>(), y.ToArray<float>());
                Assert.Equal(other.Keys.ToArray<float>(), one.Keys.ToArray<float>());
                Assert.Equal(other.Values.ToArray<float>(), one.Values.ToArray<float>());
                foreach (var weight in (QuantizedWeight[])[layer.Query, layer.Key, layer.Value, layer.Output, layer.Gate, layer.Up, layer.Down]) weight.Dispose();
            }
        }

        ThreadTeam.SetThreads(before);
    }

    [Fact]
    public void Many_rows_rows_that_see_nothing_and_mixed_formats_are_left_to_the_operations()
    {
        using var scope = TensorScope.Open();
        var layer = Make(QuantizedFormat.Int8, QuantizedFormat.Int8, true, false, 2, 1, 16, 64, 64);
        Assert.Null(Op.DecoderLayer(layer, Step(9, 64, 1, 16)));
        var step = Step(2, 64, 1, 16);
        Assert.Null(Op.DecoderLayer(layer, step with { Layout = new AttentionLayout(new AttentionSpan(0, 1, 0, 5)) }));
        using var four = QuantizedWeight.Quantize(Values.Normal([16, 64], 1), QuantizedFormat.Int4);
        Assert.Equal(Avx2.IsSupported ? "used" : "left", Op.DecoderLayer(layer, step) is null ? "left" : "used");
        Assert.Null(Op.DecoderLayer(layer with { Key = four }, step));
        Assert.Throws<ShapeException>(() => Op.DecoderLayer(layer, step with { Slots = new[] { 0, Slots } }));
        foreach (var weight in (QuantizedWeight[])[layer.Query, layer.Key, layer.Value, layer.Output, layer.Gate, layer.Up, layer.Down]) weight.Dispose();
    }

    private static DecoderLayer Make(QuantizedFormat inputs, QuantizedFormat outputs, bool hasBias, bool hasHeadNorms, int H, int Hkv, int D, int C, int I) => new()
    {
        InputNorm = Host([C], 1),
        Query = Weight(H * D, C, inputs, 2),
        Key = Weight(Hkv * D, C, inputs, 3),
        Value = Weight(Hkv * D, C, inputs, 4),
        Output = Weight(C, H * D, outputs, 5),
        QueryBias = hasBias ? Host([H * D], 6) : null,
        KeyBias = hasBias ? Host([Hkv * D], 7) : null,
        ValueBias = hasBias ? Host([Hkv * D], 8) : null,
        QueryNorm = hasHeadNorms ? Host([D], 9) : null,
        KeyNorm = hasHeadNorms ? Host([D], 10) : null,
        Norm = Host([C], 11),
        Gate = Weight(I, C, inputs, 12),
        Up = Weight(I, C, inputs, 13),
        Down = Weight(C, I, outputs, 14),
        Epsilon = Epsilon,
        Heads = H,
        KeyHeads = Hkv,
    };

    /// <summary>Rows of two sequences whose keys lie apart, at the end of spans longer than a block.</summary>
    private static DecoderStep Step(int T, int C, int Hkv, int D)
    {
        var first = (T + 1) / 2;
        var slots = new int[T];
        for (var t = 0; t < T; t++) slots[t] = t < first ? 140 + t : 290 + t - first;
        List<AttentionSpan> spans = [new(0, first, 0, 140 + first, Causal: true)];
        if (T > first) spans.Add(new(first, T - first, 200, 90 + T - first, Causal: true));
        var angles = Host([T, D / 2], 15).ToArray<float>();
        return new DecoderStep(
            Host([T, C], 16),
            Tensor.From(angles.Select(MathF.Cos).ToArray(), [1, T, D / 2], CpuEngine.Instance),
            Tensor.From(angles.Select(MathF.Sin).ToArray(), [1, T, D / 2], CpuEngine.Instance),
            new AttentionLayout([.. spans]),
            Host([Slots, Hkv, D], 17),
            Host([Slots, Hkv, D], 18),
            slots);
    }

    private static Tensor Composed(DecoderLayer layer, DecoderStep step)
    {
        var (T, H, Hkv, D) = (step.X.Shape[0], layer.Heads, layer.KeyHeads, layer.HeadSize);
        var n = Op.RmsNorm(step.X, layer.InputNorm, layer.Epsilon);
        var q = Op.Reshape(Op.QuantizedLinear(n, layer.Query, layer.QueryBias), T, H, D);
        var k = Op.Reshape(Op.QuantizedLinear(n, layer.Key, layer.KeyBias), T, Hkv, D);
        var v = Op.QuantizedLinear(n, layer.Value, layer.ValueBias);
        if (layer.QueryNorm is not null) q = Op.RmsNorm(q, layer.QueryNorm, layer.Epsilon);
        if (layer.KeyNorm is not null) k = Op.RmsNorm(k, layer.KeyNorm, layer.Epsilon);
        q = Op.Rope(Op.Reshape(q, 1, T, H, D), step.Cos, step.Sin, headsFirst: false);
        k = Op.Rope(Op.Reshape(k, 1, T, Hkv, D), step.Cos, step.Sin, headsFirst: false);
        for (var t = 0; t < T; t++)
        {
            step.Keys.Write<float>(k.AsSpan<float>().Slice(t * Hkv * D, Hkv * D), (long)step.Slots.Span[t] * Hkv * D);
            step.Values.Write<float>(v.AsSpan<float>().Slice(t * Hkv * D, Hkv * D), (long)step.Slots.Span[t] * Hkv * D);
        }

        var attended = Op.Attention(Op.Reshape(q, T, H, D), step.Keys, step.Values, step.Layout);
        var x = Op.Add(step.X, Op.QuantizedLinear(Op.Reshape(attended, T, H * D), layer.Output, layer.OutputBias));
        n = Op.RmsNorm(x, layer.Norm, layer.Epsilon);
        return Op.Add(x, Op.QuantizedLinear(Op.Mul(Op.Silu(Op.QuantizedLinear(n, layer.Gate)), Op.QuantizedLinear(n, layer.Up)), layer.Down));
    }

    private static QuantizedWeight Weight(int outputs, int inputs, QuantizedFormat format, int seed) => QuantizedWeight.Quantize(Values.Normal([outputs, inputs], seed), format);

    private static Tensor Host(Shape shape, int seed) => Values.Normal(shape, seed).MoveTo(CpuEngine.Instance);
}
