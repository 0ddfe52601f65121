namespace Sightline.Training.Data;

/// <summary>Finds out which format lies at a path, and reads it.</summary>
public static class DataFormats
{
    /// <summary>Reads a data set; see <see cref="DataSet.Open"/>.</summary>
    public static DataSet Read(string path, DataFormat? format = null, string? pictures = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path) && !Directory.Exists(path)) throw new SightlineException(ErrorKind.NotFound, $"there is no data set at {path}");
        if (pictures is not null && !Directory.Exists(pictures)) throw new SightlineException(ErrorKind.NotFound, $"there is no picture folder {pictures}");
        var found = format ?? Detect(path);
        return found switch
        {
            DataFormat.Voc => VocReader.Read(path, pictures),
            _ => throw DataFile.Bad(path, $"the format {found} cannot be read"),
        };
    }

    /// <summary>The format at a path, from the names and the first bytes of its files.</summary>
    /// <exception cref="SightlineException">BadData: nothing there looks like a known format.</exception>
    public static DataFormat Detect(string path)
    {
        if (Directory.Exists(path) && Directory.EnumerateFiles(VocReader.AnnotationFolder(path), "*.xml").Any()) return DataFormat.Voc;
        if (path.EndsWith(".xml", StringComparison.OrdinalIgnoreCase)) return DataFormat.Voc;
        throw DataFile.Bad(path, "no known annotation format here");
    }
}
