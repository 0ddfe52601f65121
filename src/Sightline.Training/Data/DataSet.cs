using Sightline.Training.Distributed;

namespace Sightline.Training.Data;

/// <summary>
/// Labelled pictures, whatever the format they were read from. Immutable; pixels stay on disk until
/// <see cref="ResolvePicture"/>.
/// </summary>
public sealed record DataSet
{
    /// <summary>A short name, from the folder or file.</summary>
    public required string Name { get; init; }

    /// <summary>The format it was read from.</summary>
    public required DataFormat Format { get; init; }

    /// <summary>The class names, in the order of the file's own numbers.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>The samples in the order of the file (of file names, for one file a picture).</summary>
    public required IReadOnlyList<DataSample> Samples { get; init; }

    /// <summary>The folder that picture names are relative to.</summary>
    public string PictureFolder { get; init; } = "";

    /// <summary>What else the file says of the whole set (COCO: info, licenses, categories as JSON); only the same format can write it back.</summary>
    public string? Extra { get; init; }

    /// <summary>The problems that the set was read from; null where it came as annotations. <see cref="Samples"/> shows what they state.</summary>
    public IReadOnlyList<Problem>? Problems { get; init; }

    /// <summary>What was passed over while reading, one clear sentence each (an empty label file, a stray XML).</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Labels that belong to no picture of the set, one clear sentence each. Only <see cref="OpenBroken"/> gives a set with some.</summary>
    public IReadOnlyList<string> Strays { get; init; } = [];

    /// <summary>Reads a data set, finding out its format from what lies there (see <see cref="DataFormats"/>).</summary>
    /// <param name="path">An annotation file, or the folder of a data set.</param>
    /// <param name="format">The format, when known; null to find out.</param>
    /// <param name="pictures">The folder with the pictures, when it is not where the format puts it.</param>
    /// <exception cref="SightlineException">NotFound or BadData, naming the file and the line or entry.</exception>
    public static DataSet Open(string path, DataFormat? format = null, string? pictures = null) => DataFormats.Read(path, format, pictures);

    /// <summary>As <see cref="Open"/>, for a look at what is wrong: labels that belong to no picture are left out and listed in <see cref="Strays"/>.</summary>
    /// <exception cref="SightlineException">As there, for what keeps the rest from being read.</exception>
    public static DataSet OpenBroken(string path, DataFormat? format = null, string? pictures = null) => DataFormats.ReadBroken(path, format, pictures);

    /// <summary>The file of a sample's picture, or null when it is not there (or the sample carries its bytes).</summary>
    public string? ResolvePicture(DataSample sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        if (sample.PictureBytes is not null || sample.PictureFile.Length == 0) return null;
        var path = Path.Combine(PictureFolder, sample.PictureFile);
        return File.Exists(path) ? path : null;
    }

    /// <summary>The encoded bytes of a sample's picture.</summary>
    /// <exception cref="SightlineException">NotFound: there is no such file.</exception>
    public byte[] ReadPictureBytes(DataSample sample)
    {
        ArgumentNullException.ThrowIfNull(sample);
        if (sample.PictureBytes is { } bytes) return bytes.ToArray();
        var path = ResolvePicture(sample)
            ?? throw new SightlineException(ErrorKind.NotFound, $"the picture '{sample.PictureFile}' of {sample.Source ?? sample.Id} is not in '{PictureFolder}'; give the folder of the pictures");
        return DataFile.ReadBytes(path);
    }

    /// <summary>Requires several processes that work on the set together to have read the same. Collective.</summary>
    /// <exception cref="SightlineException">BadData, naming the process and what it has read.</exception>
    public void RequireSame(Communicator ranks) => RankFingerprints.RequireSameData(ranks, new[] { this }.Select(data => (data.Name, RankFingerprints.Of(data))));

    /// <summary>The samples that are in a split.</summary>
    public DataSet Where(string split) => this with { Samples = [.. Samples.Where(s => s.Split == split)], Problems = Problems is null ? null : [.. Problems.Where(p => p.Split == split)] };

    /// <summary>The same set with classes that are not labelled everywhere, in all its pictures.</summary>
    /// <exception cref="SightlineException">BadData: a label is no class of the set.</exception>
    public DataSet WithIncomplete(IReadOnlyList<string> labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (labels.FirstOrDefault(label => !Classes.Contains(label)) is { } stray)
            throw new SightlineException(ErrorKind.BadData, $"'{stray}' is given as incompletely labelled but is no class of {Name}; it has {(Classes.Count == 0 ? "none" : string.Join(", ", Classes.Take(20)))}");
        return this with { Samples = [.. Samples.Select(sample => sample with { IncompleteLabels = labels })] };
    }

    /// <summary>The names of the splits, in order of appearance.</summary>
    public IReadOnlyList<string> Splits => [.. Samples.Select(s => s.Split).OfType<string>().Distinct()];
}
