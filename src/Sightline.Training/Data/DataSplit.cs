using Sightline.Tensors;

namespace Sightline.Training.Data;

/// <summary>Ways to divide a data set into training and validation, each by names only, so that they can be repeated and checked.</summary>
public static class DataSplit
{
    /// <summary>
    /// Marks a random share of the samples "val", the others "train". The choice depends on the seed and each sample's own
    /// id, so adding a sample moves no other one.
    /// </summary>
    public static DataSet ByFraction(DataSet data, double validation, ulong seed)
    {
        CheckShare(validation);
        var random = new RandomStream(seed);
        return Mark(data, s => random.Fork(s.Id).NextDouble() < validation);
    }

    /// <summary>
    /// Cuts the samples, sorted by id, into blocks of <paramref name="block"/> consecutive names and marks every
    /// <paramref name="every"/>th block "val". For pictures that were taken in sequence: neighbours are near-duplicates, and
    /// only whole blocks keep them on one side.
    /// </summary>
    public static DataSet ByBlocks(DataSet data, int block, int every, int offset = 0)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(block);
        ArgumentOutOfRangeException.ThrowIfLessThan(every, 2);
        var order = data.Samples.Select(s => s.Id).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select((id, i) => (id, i)).ToDictionary(p => p.id, p => p.i, StringComparer.Ordinal);
        return Mark(data, s => (order[s.Id] / block) % every == offset);
    }

    private static DataSet Mark(DataSet data, Func<DataSample, bool> isValidation)
    {
        ArgumentNullException.ThrowIfNull(data);
        DataSample[] samples = [.. data.Samples.Select(s => s with { Split = isValidation(s) ? "val" : "train" })];
        if (data.Problems is null) return data with { Samples = samples };
        // a problem goes with its (first) picture
        var splits = samples.GroupBy(KeyOf).ToDictionary(group => group.Key, group => group.First().Split, StringComparer.Ordinal);
        return data with
        {
            Samples = samples,
            Problems = [.. data.Problems.Select(p => p.Pictures.Count > 0 && splits.TryGetValue(p.Pictures[0].File is { } file ? Path.GetFullPath(file) : p.Pictures[0].Name, out var split) ? p with { Split = split } : p)],
        };

        string KeyOf(DataSample sample) => sample.PictureBytes is null ? Path.GetFullPath(Path.Combine(data.PictureFolder, sample.PictureFile)) : sample.PictureFile;
    }

    private static void CheckShare(double share)
    {
        if (!(share is > 0 and < 1)) throw new SightlineException(ErrorKind.Usage, $"the validation share must lie between 0 and 1, got {share}");
    }
}
