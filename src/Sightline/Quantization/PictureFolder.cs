using Sightline.Imaging;

namespace Sightline.Quantization;

/// <summary>Pictures on which a model is calibrated or checked.</summary>
public static class PictureFolder
{
    private const int Most = 64;
    private static readonly string[] s_endings = [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"];

    /// <summary>Phrases for pictures of which nothing is known.</summary>
    public static IReadOnlyList<string> DefaultPhrases { get; } = ["the person on the left", "the largest object", "the object in the middle"];

    /// <summary>The first 64 pictures of a folder, by name, read one by one.</summary>
    /// <exception cref="SightlineException">NotFound: no such folder, or no pictures in it.</exception>
    public static IEnumerable<Picture> Load(string folder) => Files(folder).Select(file => Picture.Load(file));

    /// <summary>Ends with one sentence unless there are pictures; reads none.</summary>
    /// <exception cref="SightlineException">NotFound.</exception>
    public static void RequireSome(string folder) => Files(folder);

    private static string[] Files(string folder)
    {
        if (!Directory.Exists(folder)) throw new SightlineException(ErrorKind.NotFound, $"The folder of pictures {folder} is not there: check the path.");
        string[] files = [.. Directory.EnumerateFiles(folder).Where(file => s_endings.Contains(Path.GetExtension(file).ToLowerInvariant())).Order(StringComparer.Ordinal).Take(Most)];
        return files.Length > 0 ? files : throw new SightlineException(ErrorKind.NotFound, $"The folder {folder} holds no pictures (and no cases.json of a language model): give a folder with some.");
    }
}
