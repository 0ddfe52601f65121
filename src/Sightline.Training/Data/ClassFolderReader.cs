namespace Sightline.Training.Data;

/// <summary>
/// Pictures in folders that are named as their class, as few-shot and classification sets come: <c>CLASS/picture.jpg</c>, or
/// <c>train/CLASS/picture.jpg</c> with splits above. Sizes are not read: a set of a million files opens at once.
/// </summary>
internal static class ClassFolderReader
{
    private static readonly HashSet<string> Extensions = new(StringComparer.OrdinalIgnoreCase) { ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif" };
    private static readonly HashSet<string> SplitNames = new(StringComparer.OrdinalIgnoreCase) { "train", "training", "val", "valid", "validation", "test" };

    /// <summary>Whether a folder holds such a set: folders with pictures in them, and no folder that only other formats have.</summary>
    public static bool IsAt(string root)
    {
        var folders = Folders(root).ToList();
        if (folders.Exists(name => Path.GetFileName(name) is "images" or "labels" or "annotations" or "Annotations")) return false;
        if (folders.Count > 0 && folders.TrueForAll(IsSplit)) folders = [.. folders.SelectMany(Folders)];
        return folders.Exists(folder => Pictures(folder).Any());
    }

    public static DataSet Read(string root, string? pictures)
    {
        if (pictures is not null) throw new SightlineException(ErrorKind.Usage, $"{root}: the folders are the pictures; leave the folder of pictures out");
        if (!Directory.Exists(root)) throw DataFile.Bad(root, "a folder of folders is expected, one a class");
        var folders = Folders(root).ToList();
        var samples = folders.Count > 0 && folders.TrueForAll(IsSplit)
            ? folders.SelectMany(split => Folders(split).SelectMany(folder => Samples(root, folder, Path.GetFileName(split)))).ToList()
            : [.. folders.SelectMany(folder => Samples(root, folder, null))];
        if (samples.Count == 0) throw DataFile.Bad(root, "no folder with pictures lies here");
        string[] stray = [.. folders.Where(folder => !IsSplit(folder) && !Pictures(folder).Any()).Select(Path.GetFileName).OfType<string>()];
        return new DataSet
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root))),
            Format = DataFormat.Folders,
            Classes = [.. samples.Select(sample => sample.Label!).Distinct().Order(StringComparer.Ordinal)],
            Samples = samples,
            PictureFolder = root,
            Notes = stray.Length == 0 ? [] : [$"{stray.Length} folders hold no picture and are no class: {string.Join(", ", stray.Take(5))}"],
        };
    }

    private static bool IsSplit(string folder) => SplitNames.Contains(Path.GetFileName(folder));

    private static IEnumerable<string> Folders(string folder) =>
        Directory.EnumerateDirectories(folder).Where(name => !Path.GetFileName(name).StartsWith('.')).Order(StringComparer.Ordinal);

    /// <summary>The files of a folder that are pictures by their names.</summary>
    public static IEnumerable<string> Pictures(string folder, SearchOption depth = SearchOption.TopDirectoryOnly) =>
        Directory.EnumerateFiles(folder, "*", depth).Where(file => Extensions.Contains(Path.GetExtension(file)));

    private static IEnumerable<DataSample> Samples(string root, string folder, string? split) => Pictures(folder).Order(StringComparer.Ordinal).Select(file =>
    {
        var name = Path.GetRelativePath(root, file).Replace('\\', '/');
        return new DataSample(name, name, 0, 0) { Label = Path.GetFileName(folder), Split = split, Source = file };
    });
}
