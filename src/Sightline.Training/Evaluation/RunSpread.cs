using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>The same figures of several runs that differ in their seed alone.</summary>
public sealed class RunSpread
{
    /// <summary>Collects the figures of runs.</summary>
    /// <param name="seeds">One a run, at least two.</param>
    /// <param name="names">Of the figures.</param>
    /// <param name="values">[runs][figures]</param>
    /// <exception cref="ArgumentException">The lists do not fit.</exception>
    public RunSpread(IReadOnlyList<ulong> seeds, IReadOnlyList<string> names, IReadOnlyList<IReadOnlyList<double>> values)
    {
        ArgumentNullException.ThrowIfNull(seeds);
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(values);
        if (seeds.Count < 2 || values.Count != seeds.Count || values.Any(run => run.Count != names.Count)) throw new ArgumentException($"a spread needs two runs or more with {names.Count} figures each");
        (Seeds, Names, Values) = (seeds, names, values);
    }

    /// <summary>The spread of runs with consecutive seeds; null for fewer than two.</summary>
    /// <param name="firstSeed">Of the first run.</param>
    /// <param name="runs">The named figures of each run, the same names in each.</param>
    public static RunSpread? Of(ulong firstSeed, IReadOnlyList<IReadOnlyList<(string Name, double Value, Interval? Interval)>> runs)
    {
        ArgumentNullException.ThrowIfNull(runs);
        return runs.Count < 2 ? null : new RunSpread(
            [.. runs.Select((_, run) => firstSeed + (ulong)run)], [.. runs[0].Select(figure => figure.Name)], [.. runs.Select(run => (IReadOnlyList<double>)[.. run.Select(figure => figure.Value)])]);
    }

    /// <summary>One a run.</summary>
    public IReadOnlyList<ulong> Seeds { get; }

    /// <summary>Of the figures.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>[runs][figures]</summary>
    public IReadOnlyList<IReadOnlyList<double>> Values { get; }

    /// <summary>The mean over the runs.</summary>
    public double Mean(int figure) => Values.Average(run => run[figure]);

    /// <summary>The standard deviation over the runs, of a sample (divided by runs - 1).</summary>
    public double Deviation(int figure)
    {
        var mean = Mean(figure);
        return Math.Sqrt(Values.Sum(run => (run[figure] - mean) * (run[figure] - mean)) / (Values.Count - 1));
    }

    /// <summary>Writes the member <c>runs</c> into an open object.</summary>
    public void WriteJson(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStartObject("runs");
        writer.WriteStartArray("seeds");
        foreach (var seed in Seeds) writer.WriteNumberValue(seed);
        writer.WriteEndArray();
        writer.WriteStartArray("figures");
        for (var i = 0; i < Names.Count; i++)
        {
            writer.WriteStartObject();
            writer.WriteString("name", Names[i]);
            writer.WriteNumber("mean", Mean(i));
            writer.WriteNumber("deviation", Deviation(i));
            writer.WriteStartArray("values");
            foreach (var run in Values) writer.WriteNumberValue(run[i]);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
