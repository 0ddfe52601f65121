using Sightline.Tensors;

namespace Sightline.Training.Data;

/// <summary>
/// A few pictures of each class, drawn by a seed. The draw of a class depends on the seed, the class's name and the
/// pictures' own ids: another class more, or another picture more, moves nothing else.
/// </summary>
public static class FewShot
{
    /// <summary>The chosen pictures by class, in the order of <see cref="DataSet.Classes"/>. A picture can serve several classes.</summary>
    /// <param name="data">Pictures with labels of their own or with labelled boxes.</param>
    /// <param name="shots">Pictures a class.</param>
    /// <param name="seed">Of the draw.</param>
    /// <exception cref="SightlineException">Usage: no shots. BadData: the set has no classes, or a class has too few pictures.</exception>
    public static IReadOnlyList<(string Label, IReadOnlyList<DataSample> Samples)> Choose(DataSet data, int shots, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (shots < 1) throw new SightlineException(ErrorKind.Usage, $"at least 1 shot is needed, not {shots}");
        if (data.Classes.Count == 0) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no classes to take {shots} pictures of each");
        var random = new RandomStream(seed);
        var byLabel = data.Samples.SelectMany(sample => LabelsOf(sample).Select(label => (label, sample))).ToLookup(pair => pair.label, pair => pair.sample, StringComparer.Ordinal);
        var chosen = new List<(string, IReadOnlyList<DataSample>)>();
        foreach (var label in data.Classes.Where(byLabel.Contains))
        {
            var stream = random.Fork(label);
            DataSample[] order = [.. byLabel[label].Select(sample => (sample, Key: stream.Fork(sample.Id).NextDouble())).OrderBy(pair => pair.Key).ThenBy(pair => pair.sample.Id, StringComparer.Ordinal).Select(pair => pair.sample).Take(shots)];
            if (order.Length < shots) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has {order.Length} pictures of '{label}', {shots} were asked for");
            chosen.Add((label, order));
        }

        return chosen;
    }

    /// <summary>The set with only the pictures that were chosen, in their old order and with all that is said of them; of a set without classes, pictures drawn from all.</summary>
    /// <exception cref="SightlineException">As <see cref="Choose"/>; BadData: fewer pictures than shots.</exception>
    public static DataSet Subset(DataSet data, int shots, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Classes.Count > 0)
        {
            var kept = Choose(data, shots, seed).SelectMany(pair => pair.Samples).ToHashSet(ReferenceEqualityComparer.Instance);
            return data with { Samples = [.. data.Samples.Where(kept.Contains)] };
        }

        if (shots < 1) throw new SightlineException(ErrorKind.Usage, $"at least 1 shot is needed, not {shots}");
        if (data.Samples.Count < shots) throw new SightlineException(ErrorKind.BadData, $"{data.Name} has {data.Samples.Count} pictures, {shots} were asked for");
        var random = new RandomStream(seed);
        var drawn = data.Samples.OrderBy(sample => random.Fork(sample.Id).NextDouble()).ThenBy(sample => sample.Id, StringComparer.Ordinal).Take(shots).ToHashSet(ReferenceEqualityComparer.Instance);
        return data with { Samples = [.. data.Samples.Where(drawn.Contains)] };
    }

    /// <summary>Problems drawn in the same way: some of each label or subject, or of all where most have neither.</summary>
    /// <exception cref="SightlineException">Usage: no shots. BadData: too few problems.</exception>
    public static IReadOnlyList<Problem> Subset(IReadOnlyList<Problem> problems, int shots, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(problems);
        if (shots < 1) throw new SightlineException(ErrorKind.Usage, $"at least 1 shot is needed, not {shots}");
        var random = new RandomStream(seed);
        // phrases are each their own; classes come again
        var groups = problems.GroupBy(problem => problem.Label ?? problem.Subject ?? "", StringComparer.Ordinal).ToList();
        if (groups.Count > problems.Count / 2) groups = [.. problems.GroupBy(_ => "", StringComparer.Ordinal)];
        var drawn = new HashSet<Problem>(ReferenceEqualityComparer.Instance);
        foreach (var group in groups)
        {
            var stream = random.Fork(group.Key);
            Problem[] few = [.. group.OrderBy(problem => stream.Fork(problem.Id).NextDouble()).ThenBy(problem => problem.Id, StringComparer.Ordinal).Take(shots)];
            if (few.Length < shots) throw new SightlineException(ErrorKind.BadData, $"there are {few.Length} problems about '{group.Key}', {shots} were asked for");
            drawn.UnionWith(few);
        }

        return [.. problems.Where(drawn.Contains)];
    }

    /// <summary>The classes that a picture shows: its own label, and those of its boxes that are no crowd and not difficult.</summary>
    internal static IEnumerable<string> LabelsOf(DataSample sample) =>
        sample.Objects.Where(item => !item.Crowd && !item.Difficult).Select(item => item.Label).Concat(sample.Label is null ? [] : [sample.Label]).Distinct(StringComparer.Ordinal);
}
