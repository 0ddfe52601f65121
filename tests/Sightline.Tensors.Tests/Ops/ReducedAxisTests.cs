using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>
/// Operations that combine the numbers of a row, at every length from 0 to 256, against plain sums in 64 bits; and rows with NaN and infinities, which
/// do what the plain sums do, and nothing to the rows beside them.
/// </summary>
[Trait("Isa", "each")]
[Trait("Engine", "each")]
[Collection(Alone.Name)]
public sealed class ReducedAxisTests : TensorTest
{
    private const int Rows = 3;
    private const float Smoothing = 0.1f;
    private static readonly float[] s_places = [-1.3f, -0.83f, -0.21f, 0.37f, 0.91f, 1.4f];
    private readonly RandomStream _random = new(29);

    /// <summary>
    /// By name: the operation on [3, n], what it gives for one row, the least n, and the tolerance relative to 1 + |expected|. Sums of 256 numbers of
    /// size 1 are off by up to 256 · 2⁻²⁴ = 1.5e-5; a norm of two nearly equal numbers magnifies the rounding of their mean by 1/√eps = 316.
    /// </summary>
    private static readonly Dictionary<string, (Func<Tensor, Tensor> Op, Func<double[], double[]> Row, int Least, double Tolerance)> s_operations = new(StringComparer.Ordinal)
    {
        ["layer norm"] = (x => Op.LayerNorm(x, null, null), Normalised, 0, 1e-4),
        ["group norm over channels"] = (x => Op.GroupNorm(x, 1, null, null), Normalised, 0, 1e-4),
        ["group norm over places"] = (x => Op.GroupNorm(Op.Reshape(x, Rows, 1, x.Shape[1]), 1, null, null), Normalised, 0, 1e-4),
        ["group norm, channels last"] = (x => Op.GroupNorm(Op.Reshape(x, Rows, 1, x.Shape[1]), 1, null, null, channelsLast: true), Normalised, 0, 1e-4),
        ["rms norm"] = (x => Op.RmsNorm(x, null), row => Scaled(row, Math.Sqrt((row.Sum(v => v * v) / row.Length) + 1e-6)), 0, 4e-6),
        ["l2"] = (x => Op.L2Normalize(x), row => Scaled(row, Math.Sqrt(row.Sum(v => v * v))), 0, 4e-6),
        ["softmax"] = (x => Op.Softmax(x), row => [.. LogSoftmax(row).Select(Math.Exp)], 0, 4e-6),
        ["masked softmax"] = (x => Op.Softmax(x, Mask(x.Shape[1])), MaskedSoftmax, 0, 4e-6),
        ["log-softmax"] = (x => Op.LogSoftmax(x), LogSoftmax, 0, 4e-6),
        ["sum"] = (x => Op.Sum(x, keepDims: false, 1), row => [row.Sum()], 0, 2e-5),
        ["mean"] = (x => Op.Mean(x, keepDims: false, 1), row => [row.Sum() / row.Length], 0, 2e-5),
        ["sum over the first axis"] = (x => Op.Sum(Op.Transpose(x, 1, 0), keepDims: false, 0), row => [row.Sum()], 0, 2e-5),
        ["max"] = (x => Op.MaxLast(x).Values, row => [Falling(row)[0]], 1, 0),
        ["top-k"] = (x => Op.TopK(x, Math.Min(x.Shape[1], 5)).Values, row => Falling(row)[..Math.Min(row.Length, 5)], 0, 0),
        ["cross entropy"] = (x => Op.CrossEntropy(x, Targets(x), labelSmoothing: Smoothing, reduction: Reduction.None), CrossEntropy, 1, 1e-5),
        ["log-softmax gather"] = (x => Op.LogSoftmaxGather(x, Targets(x)), row => [LogSoftmax(row)[row.Length / 2]], 1, 4e-6),
        ["softmax entropy"] = (x => Op.SoftmaxEntropy(x, Tensor.Full([Rows], 1f)), row => [Entropy(row, 1)], 1, 1e-5),
        ["softmax entropy, cold"] = (x => Op.SoftmaxEntropy(x, Tensor.Full([Rows], 0.3f)), row => [Entropy(row, 0.3f)], 1, 1e-5),
        ["embedding"] = (x => Op.Embedding(x, Tensor.From([0L, 1, 2], [Rows])), row => row, 0, 0),
        ["conv2d over channels"] = (ConvChannels, row => [.. Enumerable.Range(0, 2).Select(o => row.Select((v, c) => v * Weight(o, c)).Sum())], 1, 5e-5),
        ["conv2d along a line"] = (ConvLine, row => [.. Enumerable.Range(0, (row.Length - 2) * 2).Select(at => Enumerable.Range(0, 3).Sum(k => row[(at / 2) + k] * Weight(at % 2, k)))], 3, 4e-6),
        ["grid sample"] = (GridSample, row => [.. s_places.Select(place => Sampled(row, place))], 1, 1e-4),
    };

    public static TheoryData<string> Names => [.. s_operations.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_length_gives_the_plain_sums(string name)
    {
        for (var n = s_operations[name].Least; n <= 256; n++)
        {
            using var scope = TensorScope.Open();
            Compute(name, Gradients.Normal(_random, [Rows, n]).ToArray<float>(), $"length {n}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Special_values_stay_in_their_row(string name)
    {
        foreach (var n in (int[])[3, 7, 8, 9, 16, 33, 100, 256])
        {
            using var scope = TensorScope.Open();
            var values = Gradients.Normal(_random, [Rows, n]).ToArray<float>();
            var clean = Compute(name, values, $"length {n}");
            var length = clean.Length / Rows;
            foreach (var special in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            {
                foreach (var at in (int[])[0, n / 2, n - 1])
                {
                    var sick = (float[])values.Clone();
                    sick[n + at] = special;
                    var y = Compute(name, sick, $"length {n}, {special} at {at}");
                    Assert.Equal(clean[..length], y[..length]);
                    Assert.Equal(clean[(2 * length)..], y[(2 * length)..]);
                }
            }
        }
    }

    /// <summary>The operation's numbers, after a comparison with those of the plain sums.</summary>
    private static float[] Compute(string name, float[] values, string what)
    {
        var (op, row, _, tolerance) = s_operations[name];
        var n = values.Length / Rows;
        var y = op(Tensor.From(values, [Rows, n])).ToArray<float>();
        var expected = Enumerable.Range(0, Rows).SelectMany(r => row([.. values.Skip(r * n).Take(n).Select(v => (double)v)])).ToArray();
        Assert.Equal(expected.Length, y.Length);
        for (var i = 0; i < y.Length; i++)
        {
            var near = double.IsFinite(expected[i]) ? Math.Abs(y[i] - expected[i]) <= tolerance * (1 + Math.Abs(expected[i])) : expected[i].Equals((double)y[i]);
            Assert.True(near, $"{name}, {what}, [{i}]: got {y[i]:R}, expected {expected[i]:R}");
        }

        return y;
    }

    private static double[] Normalised(double[] row)
    {
        var mean = row.Sum() / row.Length;
        return Scaled([.. row.Select(v => v - mean)], Math.Sqrt((row.Sum(v => (v - mean) * (v - mean)) / row.Length) + 1e-5));
    }

    private static double[] Scaled(double[] row, double divisor) => [.. row.Select(v => v / divisor)];

    private static double[] LogSoftmax(double[] row)
    {
        if (row.Length == 0) return row;
        var max = row.Aggregate(Math.Max); // NaN is kept
        var total = Math.Log(row.Sum(v => Math.Exp(v - max)));
        return [.. row.Select(v => v - max - total)];
    }

    private static bool Kept(int at) => at % 3 != 1;

    private static Tensor Mask(int n) => Tensor.From(Enumerable.Range(0, n).Select(Kept).ToArray(), [n]);

    private static double[] MaskedSoftmax(double[] row)
    {
        var kept = new Queue<double>(LogSoftmax([.. row.Where((_, i) => Kept(i))]).Select(Math.Exp));
        var rest = kept.Any(double.IsNaN) ? double.NaN : 0; // e^-∞ divided by a sum that is no number
        return [.. row.Select((_, i) => Kept(i) ? kept.Dequeue() : rest)];
    }

    /// <summary>NaN counts as the largest.</summary>
    private static double[] Falling(double[] row) => [.. row.OrderByDescending(double.IsNaN).ThenByDescending(v => v)];

    private static Tensor Targets(Tensor x) => Tensor.From(Enumerable.Repeat((long)x.Shape[1] / 2, Rows).ToArray(), [Rows]);

    private static double[] CrossEntropy(double[] row)
    {
        var logs = LogSoftmax(row);
        return [-((1 - (double)Smoothing) * logs[row.Length / 2]) - ((double)Smoothing / row.Length * logs.Sum())];
    }

    private static double Entropy(double[] row, double temperature) =>
        -LogSoftmax([.. row.Select(v => v / temperature)]).Sum(log => double.IsNegativeInfinity(log) ? 0 : Math.Exp(log) * log);

    private static float Weight(int output, int tap) => MathF.Cos((output * 5) + (tap * 1.7f) + 0.3f);

    private static Tensor Weights(Shape shape, int taps) => Tensor.From(Enumerable.Range(0, 2 * taps).Select(i => Weight(i / taps, i % taps)).ToArray(), shape);

    private static Tensor ConvChannels(Tensor x) => Op.Conv2d(Op.Reshape(x, Rows, 1, 1, x.Shape[1]), Weights([2, x.Shape[1], 1, 1], x.Shape[1]));

    private static Tensor ConvLine(Tensor x) => Op.Conv2d(Op.Reshape(x, Rows, 1, x.Shape[1], 1), Weights([2, 1, 1, 3], 3));

    private static Tensor GridSample(Tensor x)
    {
        var grid = Enumerable.Repeat(s_places.SelectMany(place => (float[])[place, 0]), Rows).SelectMany(row => row).ToArray();
        return Op.GridSample(Op.Reshape(x, Rows, 1, 1, x.Shape[1]), Tensor.From(grid, [Rows, 1, s_places.Length, 2]));
    }

    /// <summary>Between the centres of the two nearest numbers, zeros outside.</summary>
    private static double Sampled(double[] row, double place)
    {
        var at = (((place + 1) * row.Length) - 1) / 2;
        var left = (int)Math.Floor(at);
        double sum = 0;
        if (left >= 0 && left < row.Length) sum += row[left] * (left + 1 - at);
        if (left + 1 >= 0 && left + 1 < row.Length) sum += row[left + 1] * (at - left);
        return sum;
    }
}
