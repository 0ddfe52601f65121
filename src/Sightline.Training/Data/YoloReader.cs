using System.Globalization;
using Sightline.Geometry;
using Sightline.Imaging;

namespace Sightline.Training.Data;

/// <summary>
/// YOLO text: one file a picture, a line an object: class number, then centre and size (or the corners of a polygon) in
/// 0..1. Class names come from classes.txt or from the names of data.yaml. Boxes keep their frame of 0..1; picture sizes
/// are read from the pictures' headers.
/// </summary>
internal static class YoloReader
{
    public static readonly string[] PictureExtensions = [".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".JPG", ".JPEG", ".PNG"];

    public static DataSet Read(string path, string? pictures)
    {
        var root = File.Exists(path) ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        var yaml = File.Exists(path) && IsYaml(path) ? path : FindYaml(root);
        var classes = ReadClasses(root, yaml);
        var labels = Directory.Exists(Path.Combine(root, "labels")) ? Path.Combine(root, "labels") : root;
        var files = Directory.GetFiles(labels, "*.txt", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) is not "classes.txt" and not "README.txt").Order(StringComparer.Ordinal).ToArray();
        var stems = files.Select(f => Path.ChangeExtension(Path.GetRelativePath(labels, f), null)).ToHashSet(StringComparer.Ordinal);
        var folder = pictures ?? PictureFolder(root, labels, stems);
        // a picture without a label file is a picture without objects
        var empty = Directory.Exists(folder) && folder != labels && folder != root
            ? Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Where(f => PictureExtensions.Contains(Path.GetExtension(f)) && !stems.Contains(Path.ChangeExtension(Path.GetRelativePath(folder, f), null))).Order(StringComparer.Ordinal).ToArray()
            : [];
        if (files.Length + empty.Length == 0) throw DataFile.Bad(labels, "no YOLO label file (*.txt) lies here");
        var samples = files.Select(f => ReadFile(f, Path.ChangeExtension(Path.GetRelativePath(labels, f), null), folder, classes))
            .Concat(empty.Select(f => Sample(Path.ChangeExtension(Path.GetRelativePath(folder, f), null), folder, f))).ToArray();
        return new DataSet
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root))),
            Format = DataFormat.Yolo,
            Classes = classes,
            Samples = samples,
            PictureFolder = folder,
            Notes = empty.Length == 0 ? [] : [$"{empty.Length} pictures have no label file and count as pictures without objects"],
        };
    }

    // images/ beside labels/, or the folder that holds both, or the pictures lie beside their labels
    private static string PictureFolder(string root, string labels, HashSet<string> stems)
    {
        var images = Path.Combine(root, "images");
        if (Directory.Exists(images)) return images;
        return stems.Take(3).Any(stem => PictureExtensions.Any(e => File.Exists(Path.Combine(root, stem + e)))) ? root : labels;
    }

    public static bool IsYaml(string path) => Path.GetExtension(path) is ".yaml" or ".yml";

    /// <summary>The data.yaml of a folder, or any one YAML file there that has names.</summary>
    public static string? FindYaml(string root) =>
        new[] { "data.yaml", "data.yml", "dataset.yaml" }.Select(n => Path.Combine(root, n)).FirstOrDefault(File.Exists)
        ?? Directory.GetFiles(root, "*.yaml").Order(StringComparer.Ordinal).FirstOrDefault(f => DataFile.ReadText(f).Contains("names:", StringComparison.Ordinal));

    private static IReadOnlyList<string> ReadClasses(string root, string? yaml)
    {
        if (yaml is not null && YoloYaml.ReadNames(yaml) is { Count: > 0 } names) return names;
        foreach (var name in (ReadOnlySpan<string>)["classes.txt", "labels/classes.txt", "obj.names"])
        {
            var file = Path.Combine(root, name);
            if (File.Exists(file)) return TrimEnd(DataFile.ReadLines(file));
        }

        return [];
    }

    private static string[] TrimEnd(string[] lines)
    {
        var names = lines.Select(l => l.Trim()).ToList();
        while (names.Count > 0 && names[^1].Length == 0) names.RemoveAt(names.Count - 1);
        return [.. names];
    }

    private static DataSample ReadFile(string file, string stem, string folder, IReadOnlyList<string> classes)
    {
        var objects = new List<LabelledBox>();
        var lines = DataFile.ReadLines(file);
        for (var i = 0; i < lines.Length; i++)
        {
            if (!string.IsNullOrWhiteSpace(lines[i])) objects.Add(ParseLine(lines[i], classes, $"{file}, line {i + 1}"));
        }

        var picture = PictureExtensions.Select(e => Path.Combine(folder, stem + e)).FirstOrDefault(File.Exists);
        return Sample(stem, folder, picture) with { Objects = objects, Source = file };
    }

    private static DataSample Sample(string stem, string folder, string? picture)
    {
        var (width, height) = (0, 0);
        if (picture is not null)
        {
            try
            {
                var header = PictureHeader.Read(picture);
                (width, height) = (header.UprightWidth, header.UprightHeight);
            }
            catch (SightlineException)
            {
                // a damaged picture is for lint to report; its labels can still be read
            }
        }

        var id = stem.Replace('\\', '/');
        // images/train/x.jpg is how the format names its splits
        var split = id.Contains('/', StringComparison.Ordinal) ? id[..id.IndexOf('/', StringComparison.Ordinal)] : null;
        var name = picture is null ? id + ".jpg" : Path.GetRelativePath(folder, picture).Replace('\\', '/');
        return new DataSample(id, name, width, height) { Split = split, Source = picture };
    }

    /// <summary>Parses one line.</summary>
    /// <exception cref="SightlineException">BadData with the place.</exception>
    public static LabelledBox ParseLine(string line, IReadOnlyList<string> classes, string place)
    {
        var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 5 || (words.Length > 6 && words.Length % 2 == 0))
            throw new SightlineException(ErrorKind.BadData, $"{place}: a YOLO line is 'class cx cy w h' or a class and the corners of a polygon, found {words.Length} words");
        if (!int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            throw new SightlineException(ErrorKind.BadData, $"{place}: '{Short(words[0])}' is not a class number");
        var numbers = new double[words.Length - 1];
        for (var i = 0; i < numbers.Length; i++)
        {
            if (!double.TryParse(words[i + 1], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) || !double.IsFinite(numbers[i]))
                throw new SightlineException(ErrorKind.BadData, $"{place}: '{Short(words[i + 1])}' is not a number");
        }

        var label = number < classes.Count ? classes[number] : $"class {number}";
        if (numbers.Length <= 5) // a sixth word is a confidence
            return new LabelledBox(label, Box.FromCenter(numbers[0], numbers[1], numbers[2], numbers[3], CoordinateFrame.Unit));
        var (xs, ys) = (numbers.Where((_, i) => i % 2 == 0), numbers.Where((_, i) => i % 2 == 1));
        return new LabelledBox(label, new Box(xs.Min(), ys.Min(), xs.Max(), ys.Max(), CoordinateFrame.Unit))
        {
            Extra = string.Join(' ', words.Skip(1)),
        };
    }

    private static string Short(string word) => word.Length > 40 ? word[..40] + "..." : word;
}
