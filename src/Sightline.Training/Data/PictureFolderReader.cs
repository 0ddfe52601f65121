namespace Sightline.Training.Data;

/// <summary>A folder of pictures of which nothing is known yet: what a model is to label.</summary>
public static class PictureFolderReader
{
    private static readonly string[] Annotations = [".json", ".jsonl", ".ndjson", ".xml", ".txt", ".yaml", ".yml", ".parquet"];

    /// <summary>Whether a folder holds pictures and no file that could be an annotation of them.</summary>
    public static bool IsAt(string folder) =>
        Directory.Exists(folder) && ClassFolderReader.Pictures(folder).Any() && !Directory.EnumerateFiles(folder).Any(file => Annotations.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase));

    /// <summary>All pictures in a folder and the folders below, by name. Sizes are not read.</summary>
    /// <exception cref="SightlineException">BadData: there are none.</exception>
    public static DataSet Read(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var names = ClassFolderReader.Pictures(folder, SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/')).Order(StringComparer.Ordinal);
        DataSample[] samples = [.. names.Select(name => new DataSample(name, name, 0, 0) { Source = Path.Combine(folder, name) })];
        if (samples.Length == 0) throw DataFile.Bad(folder, "no pictures lie here");
        return new DataSet { Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), Format = DataFormat.Sightline, Samples = samples, PictureFolder = folder };
    }
}
