using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>Reordering, cutting, joining, reducing and normalising: plain loops, difference quotients, any number of threads.</summary>
[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class StructureTests : TensorTest
{
    private readonly RandomStream _random = new(13);

    [Theory]
    [InlineData(new[] { 37, 53 }, new[] { 1, 0 })]
    [InlineData(new[] { 3, 33, 17 }, new[] { 0, 2, 1 })]
    [InlineData(new[] { 3, 33, 17 }, new[] { 2, 1, 0 })]
    [InlineData(new[] { 2, 3, 4, 5 }, new[] { 0, 2, 1, 3 })]
    [InlineData(new[] { 2, 3, 4, 5 }, new[] { 0, 2, 3, 1 })]
    [InlineData(new[] { 2, 3, 4, 5 }, new[] { 0, 3, 1, 2 })]
    [InlineData(new[] { 2, 1, 64, 48 }, new[] { 0, 1, 3, 2 })]
    [InlineData(new[] { 2, 3, 1, 5, 2, 3 }, new[] { 5, 3, 0, 4, 2, 1 })]
    public void Transpose_moves_every_element(int[] sizes, int[] axes)
    {
        var x = Gradients.Normal(_random, new Shape(sizes));
        var y = Op.Transpose(x, axes);
        var from = x.ReadSpan<float>();
        var to = y.ReadSpan<float>();
        for (var i = 0; i < to.Length; i++)
        {
            var index = new int[sizes.Length];
            for (int k = sizes.Length - 1, rest = i; k >= 0; k--)
            {
                index[axes[k]] = rest % y.Shape[k];
                rest /= y.Shape[k];
            }

            var at = 0;
            for (var k = 0; k < sizes.Length; k++) at = (at * sizes[k]) + index[k];
            Assert.Equal(from[at], to[i]);
        }

        Gradients.Check([x], () => Op.Transpose(x, axes), _random);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Parts_join_to_the_whole(int axis)
    {
        var x = Gradients.Normal(_random, [6, 7, 8]);
        var n = x.Shape[axis];
        Assert.Equal(x.ToArray<float>(), Op.Concat(axis, Op.Split(x, axis, 1, 3, n - 4)).ToArray<float>());
        Assert.Equal(x.ToArray<float>(), Op.Concat(axis, Op.Slice(x, axis, 0, 2), Op.Slice(x, axis, 2, n - 2)).ToArray<float>());
        Gradients.Check([x], () => Op.Slice(x, axis, 1, 3), _random);
        // one part unused: its gradient is zero
        Gradients.Check([x], () => Op.Split(x, axis, 1, 3, n - 4)[1], _random);
        Gradients.Check([x], () => Op.Concat(axis, Op.Split(x, axis, 2, n - 2)[1], Op.Tanh(x)), _random);
        Gradients.Check([x], () => Op.Stack(axis, x, Op.Square(x)), _random);
    }

    [Fact]
    public void Sums_over_any_axes()
    {
        var x = Gradients.Normal(_random, [4, 5, 3, 6]);
        foreach (var axes in (int[][])[[0], [1], [3], [0, 1], [2, 3], [0, 2], [1, 3], [0, 1, 2, 3], [-1]])
        {
            var y = Op.Sum(x, true, axes);
            var expected = new double[y.Count];
            var (values, sums) = (x.ToArray<float>(), y.ToArray<float>());
            for (var i = 0; i < x.Count; i++)
            {
                var (at, run) = (0, 1);
                for (int k = 3, rest = i; k >= 0; k--)
                {
                    var index = rest % x.Shape[k];
                    rest /= x.Shape[k];
                    if (y.Shape[k] == 1) continue;
                    at += index * run;
                    run *= y.Shape[k];
                }

                expected[at] += values[i];
            }

            for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], sums[i], 1e-4);
            Gradients.Check([x], () => Op.Sum(x, false, axes), _random);
            Gradients.Check([x], () => Op.Mean(x, true, axes), _random);
        }

        Gradients.Check([x], () => Op.Mean(x), _random);
        Gradients.Check([x], () => Op.MaxLast(x).Values, _random, h: 1e-4f, tolerance: 2e-2);
    }

    [Theory]
    [InlineData(1, 100_003, 1)]
    [InlineData(3, 1000, 17)]
    [InlineData(1, 5000, 1500)]
    [InlineData(257, 33, 1)]
    public void Long_sums_keep_their_digits(int outer, int middle, int inner)
    {
        var x = Gradients.Normal(_random, [outer, middle, inner]);
        var (values, sums) = (x.ToArray<float>(), Op.Sum(x, false, 1).ToArray<float>());
        for (var o = 0; o < outer; o++)
        {
            for (var i = 0; i < inner; i += 7)
            {
                double sum = 0;
                for (var m = 0; m < middle; m++) sum += values[(((o * middle) + m) * inner) + i];
                Assert.Equal(sum, sums[(o * inner) + i], 2e-3 * Math.Sqrt(middle) / 30);
            }
        }
    }

    [Fact]
    public void Rows_by_number()
    {
        var x = Gradients.Normal(_random, [5, 2, 3]);
        var ids = Tensor.From([4L, 0, 4, 2], [2, 2]);
        var y = Op.IndexRows(x, ids);
        Assert.Equal(new Shape(2, 2, 2, 3), y.Shape);
        Assert.Equal(x.ToArray<float>()[24..30], y.ToArray<float>()[..6]);
        Gradients.Check([x], () => Op.IndexRows(x, ids), _random);
        var rows = Gradients.Normal(_random, [4, 200]);
        Gradients.Check([rows], () => Op.ScatterRows(rows, ids.View([4]), 6), _random);
    }

    /// <summary>Not on a GPU, which stops for good at a number out of range (docs/gpu.md): eng/test-libtorch.sh leaves this out there.</summary>
    [Fact]
    [Trait("Device", "processor")]
    public void Rows_that_are_not_there_are_refused() => Assert.Throws<ShapeException>(() => Op.IndexRows(Tensor.Zeros([5, 2, 3]), Tensor.From([5L], [1])));

    [Fact]
    public void Where_and_expand()
    {
        var (a, b) = (Gradients.Normal(_random, [3, 4]), Gradients.Normal(_random, [4]));
        var mask = Tensor.From([true, false, true], [3, 1]);
        var y = Op.Where(mask, a, b).ToArray<float>();
        Assert.Equal(a.ToArray<float>()[..4], y[..4]);
        Assert.Equal(b.ToArray<float>(), y[4..8]);
        Gradients.Check([a, b], () => Op.Where(mask, a, b), _random);
        Gradients.Check([b], () => Op.Expand(b, [2, 3, 4]), _random);
    }

    [Fact]
    public void Norms_and_softmax_at_every_length()
    {
        for (var n = 1; n <= 256; n += n < 70 ? 1 : 31)
        {
            using var scope = TensorScope.Open();
            var x = Gradients.Normal(_random, [3, n]);
            var (norm, soft, log) = (Op.LayerNorm(x, null, null, 1e-5f).ToArray<float>(), Op.Softmax(x).ToArray<float>(), Op.LogSoftmax(x).ToArray<float>());
            for (var r = 0; r < 3; r++)
            {
                var row = x.ReadSpan<float>().Slice(r * n, n).ToArray();
                var mean = row.Average(v => (double)v);
                var deviation = Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + 1e-5);
                var total = row.Sum(v => Math.Exp(v));
                for (var i = 0; i < n; i++)
                {
                    Assert.Equal((row[i] - mean) / deviation, norm[(r * n) + i], 2e-5);
                    Assert.Equal(Math.Exp(row[i]) / total, soft[(r * n) + i], 1e-6);
                    Assert.Equal(row[i] - Math.Log(total), log[(r * n) + i], 4e-6);
                }
            }
        }
    }

    [Fact]
    public void Norm_gradients_are_the_difference_quotients()
    {
        var x = Gradients.Normal(_random, [2, 6, 19]);
        var (w, b) = (Gradients.Normal(_random, [19]), Gradients.Normal(_random, [19]));
        var (cw, cb) = (Gradients.Normal(_random, [6]), Gradients.Normal(_random, [6]));
        var mask = Tensor.From(Enumerable.Range(0, 2 * 19).Select(i => i % 3 != 1).ToArray(), [2, 1, 19]);
        Gradients.Check([x, w, b], () => Op.LayerNorm(x, w, b), _random, tolerance: 5e-3);
        Gradients.Check([x, w], () => Op.RmsNorm(x, w), _random, tolerance: 5e-3);
        Gradients.Check([x, cw, cb], () => Op.GroupNorm(x, 3, cw, cb), _random, tolerance: 5e-3);
        Gradients.Check([x, w], () => Op.GroupNorm(x, 19, w, null, channelsLast: true), _random, tolerance: 1e-2);
        Gradients.Check([x], () => Op.L2Normalize(x), _random);
        Gradients.Check([x], () => Op.Softmax(x, mask), _random);
        Gradients.Check([x], () => Op.LogSoftmax(x), _random);
    }

    [Fact]
    public void Softmax_holds_at_the_extremes()
    {
        var x = Tensor.From([1e4f, -1e4f, 1e4f, float.NegativeInfinity, 0f, float.NegativeInfinity], [2, 3]);
        Assert.Equal([0.5f, 0f, 0.5f, 0f, 1f, 0f], Op.Softmax(x).ToArray<float>());
        var none = Tensor.From(new bool[6], [2, 3]);
        Assert.Equal(new float[6], Op.Softmax(x, none).ToArray<float>());
        Assert.All(Op.Softmax(Tensor.From([1f, float.NaN], [1, 2])).ToArray<float>(), v => Assert.True(float.IsNaN(v)));
    }

    [Fact]
    public void Dropout_keeps_the_mean_and_repeats_its_mask()
    {
        var x = Tensor.Full([100, 1003], 1f).AsParameter();
        using (var tape = Tape.Record())
        {
            var y = Op.Dropout(x, 0.3f, new RandomStream(5), training: true);
            Assert.Equal(1, y.ToArray<float>().Average(), 1e-2);
            Assert.Equal(0.3, y.ToArray<float>().Count(v => v == 0) / 100_300.0, 5e-3);
            tape.Backward(Op.Sum(y));
            Assert.Equal(y.ToArray<float>(), x.Grad!.ToArray<float>());
            Assert.Equal(y.ToArray<float>(), Op.Dropout(x.Detach(), 0.3f, new RandomStream(5), training: true).ToArray<float>());
        }

        Assert.Same(x, Op.Dropout(x, 0.3f, new RandomStream(5), training: false));
        x.Dispose();
    }

    [Fact]
    [Trait("Engine", "cpu")]
    public void Any_number_of_threads_gives_the_same_bits()
    {
        var x = Gradients.Normal(_random, [8, 64, 37, 5]);
        var w = Gradients.Normal(_random, [64]);
        float[][]? expected = null;
        var threads = ThreadTeam.Shared.Threads;
        try
        {
            foreach (var count in (int[])[1, 2, 3, 7])
            {
                ThreadTeam.SetThreads(count);
                float[][] results = Compute(x, w);
                expected ??= results;
                for (var i = 0; i < results.Length; i++) Assert.Equal(expected[i], results[i]);
            }
        }
        finally
        {
            ThreadTeam.SetThreads(threads);
        }
    }

    private static float[][] Compute(Tensor x, Tensor w)
    {
        using var scope = TensorScope.Open();
        var (a, b) = (x.Clone(), w.Clone());
        (a.RequiresGrad, b.RequiresGrad) = (true, true);
        using var tape = Tape.Record();
        var y = Op.GroupNorm(Op.Mul(Op.Gelu(a), Op.Reshape(b, 64, 1, 1)), 8, b, b);
        y = Op.LayerNorm(Op.Transpose(y, 0, 2, 3, 1), b, b);
        y = Op.Softmax(Op.Add(y, Op.Mean(y, true, 0, 1)));
        var loss = Op.Add(Op.Sum(Op.Square(y)), Op.Sum(Op.Log(Op.AddScalar(Op.Sum(y, false, 0, 3), 1))));
        tape.Backward(loss);
        return [y.ToArray<float>(), loss.ToArray<float>(), a.Grad!.ToArray<float>(), b.Grad!.ToArray<float>()];
    }
}
