namespace Sightline.Training.Evaluation;

/// <summary>A figure of a set whose samples count with weights (how often each was drawn).</summary>
/// <param name="weights">[N]: 0 or more; the sum is N where every sample is drawn by itself</param>
/// <returns>The figure, or NaN where it is undefined for these weights.</returns>
public delegate double WeightedFigure(ReadOnlySpan<byte> weights);

/// <summary>Intervals and tests by drawing the samples of a set again (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993). Pure: the seed decides.</summary>
public static class Bootstrap
{
    /// <summary>The percentile interval of any figure of a set.</summary>
    /// <param name="samples">N, the size of the set.</param>
    /// <param name="figure">Computes the figure from weights.</param>
    /// <param name="options">1000 samples at 0.95 when null.</param>
    /// <param name="groups">[N]: what is drawn together, such as the number of each phrase's picture, from 0; every sample by itself when null.</param>
    public static Interval Of(int samples, WeightedFigure figure, BootstrapOptions? options = null, IReadOnlyList<int>? groups = null)
    {
        options ??= new BootstrapOptions();
        options.Check();
        if (samples == 0) return Interval.Undefined(options.Level);
        var weights = new byte[samples];
        var drawn = groups is null ? weights : new byte[Count(groups, samples)];
        var values = new List<double>(options.Samples);
        for (var b = 0; b < options.Samples; b++)
        {
            PictureWeights.Draw(options.Seed, b, drawn);
            for (var i = 0; groups is not null && i < samples; i++) weights[i] = drawn[groups[i]];
            var value = figure(weights);
            if (!double.IsNaN(value)) values.Add(value);
        }

        return Interval.OfPercentiles(values.ToArray(), options.Level);
    }

    /// <summary>The percentile interval of a mean.</summary>
    public static Interval OfMean(ReadOnlyMemory<double> values, BootstrapOptions? options = null, IReadOnlyList<int>? groups = null) =>
        Of(values.Length, weights => WeightedMean(values.Span, weights), options, groups);

    /// <summary>
    /// Whether the means of two runs on the same samples differ: the difference a - b with its bootstrap interval, and the
    /// two-sided p-value of the test that exchanges the two runs' values sample by sample (Fisher's randomization test).
    /// </summary>
    /// <param name="name">What is compared, for the report.</param>
    /// <param name="a">[N]: one value a sample</param>
    /// <param name="b">[N]: the other run's, in the same order</param>
    /// <param name="options">1000 samples at 0.95 when null.</param>
    /// <param name="groups">[N]: what is drawn and exchanged together, such as the number of each phrase's picture, from 0; every sample by itself when null.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static PairedComparison Compare(string name, ReadOnlySpan<double> a, ReadOnlySpan<double> b, BootstrapOptions? options = null, IReadOnlyList<int>? groups = null)
    {
        if (a.Length != b.Length) throw new ArgumentException($"a paired test needs two values a sample, got {a.Length} and {b.Length}");
        options ??= new BootstrapOptions();
        options.Check();
        var n = a.Length;
        if (n == 0) return new PairedComparison(name, -1, -1, 0, Interval.Undefined(options.Level), 1);
        var difference = new double[n];
        for (var i = 0; i < n; i++) difference[i] = a[i] - b[i];
        var observed = Mean(difference);
        var interval = OfMean(difference, options, groups);
        var row = new byte[2 * (groups is null ? n : Count(groups, n))];
        var asFar = 0;
        for (var s = 0; s < options.Samples; s++)
        {
            PictureWeights.Exchange(options.Seed, s, row);
            var sum = 0.0;
            for (var i = 0; i < n; i++) sum += row[groups?[i] ?? i] == 1 ? difference[i] : -difference[i];
            if (PairedComparison.IsAsFar(sum / n, observed)) asFar++;
        }

        return new PairedComparison(name, Mean(a), Mean(b), observed, interval, PairedComparison.Chance(asFar, options.Samples));
    }

    private static int Count(IReadOnlyList<int> groups, int samples)
    {
        if (groups.Count != samples) throw new ArgumentException($"one group a sample is needed, got {groups.Count} for {samples} samples");
        return groups.Max() + 1;
    }

    /// <summary>NaN where nothing was drawn.</summary>
    private static double WeightedMean(ReadOnlySpan<double> values, ReadOnlySpan<byte> weights)
    {
        var count = 0L;
        foreach (var weight in weights) count += weight;
        return count == 0 ? double.NaN : WeightedSum(values, weights) / count;
    }

    internal static double WeightedSum(ReadOnlySpan<double> values, ReadOnlySpan<byte> weights)
    {
        var sum = 0.0;
        for (var i = 0; i < values.Length; i++) sum += values[i] * weights[i];
        return sum;
    }

    internal static double Mean(ReadOnlySpan<double> values)
    {
        var sum = 0.0;
        foreach (var value in values) sum += value;
        return sum / values.Length;
    }
}
