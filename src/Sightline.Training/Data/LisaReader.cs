using System.Text;
using System.Text.Json;
using Sightline.Geometry;
using Sightline.Imaging;

namespace Sightline.Training.Data;

/// <summary>
/// LISA's reasoning segmentation (Lai et al., "LISA: Reasoning Segmentation via Large Language Model", CVPR 2024): NAME.json
/// with questions and polygons beside NAME.jpg. All polygons of "target" are one mask, those of "ignore" are pixels that
/// do not count; smaller polygons lie over larger ones, as in LISA's <c>utils/data_processing.py</c>. Masks are filled
/// by COCO's rule, which differs from the original's (OpenCV) by pixels on the outline. The box is the mask's.
/// </summary>
internal static class LisaReader
{
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".webp", ".bmp"];

    /// <summary>Characters of Windows-1252 from 0x80 to 0x9F; the original reads files with it that are not UTF-8.</summary>
    private const string Windows1252 = "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178";

    /// <summary>Whether a folder holds such a set: the first JSON has "shapes" and "text".</summary>
    public static bool IsAt(string folder)
    {
        if (Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal).FirstOrDefault() is not { } first || PictureOf(first) is null) return false;
        try
        {
            using var document = JsonText.Parse(Encoding.UTF8.GetBytes(ReadText(first)), first);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("shapes", out _) && document.RootElement.TryGetProperty("text", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    public static DataSet Read(string path, string? pictures)
    {
        var root = File.Exists(path) ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        var files = File.Exists(path) ? [path] : Directory.GetFiles(root, "*.json");
        Array.Sort(files, StringComparer.Ordinal);
        if (files.Length == 0) throw DataFile.Bad(root, "no annotation of LISA (*.json) lies here");
        var folder = pictures ?? root;
        return new DataSet
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root))),
            Format = DataFormat.Lisa,
            Samples = [.. files.Select(file => ReadFile(file, folder))],
            PictureFolder = folder,
        };
    }

    private static DataSample ReadFile(string file, string folder)
    {
        JsonDocument document;
        try
        {
            document = JsonText.Parse(Encoding.UTF8.GetBytes(ReadText(file)), file);
        }
        catch (JsonException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{file}, line {e.LineNumber + 1}: not valid JSON ({e.Message.Split(". ")[0]})", e);
        }

        using (document)
        {
            var entry = new JsonEntry(document.RootElement, file, "the annotation");
            var picture = PictureOf(Path.Combine(folder, Path.GetFileName(file))) ?? throw DataFile.Bad(file, $"its picture is not in '{folder}'; the masks need its size");
            var header = PictureHeader.Read(picture);
            var (width, height) = (header.UprightWidth, header.UprightHeight);
            var texts = entry.Required("text").ValueKind == JsonValueKind.String ? [entry.Text("text")] : entry.Texts("text");
            if (texts.Length == 0 || texts.Any(string.IsNullOrWhiteSpace)) throw entry.Bad("'text' is empty");
            var (target, ignored) = Masks(entry, width, height);
            var name = Path.GetFileName(picture);
            return new DataSample(name, name, width, height)
            {
                Source = file,
                Phrases =
                [
                    .. texts.Select(text => new DataPhrase(text.Trim(), target.Area > 0 ? [target.Bounds()] : [])
                    {
                        Types = [entry.Flag("is_sentence") ? "sentence" : "phrase"],
                        Segmentation = CocoMask.ToJson(target),
                        IgnoredSegmentation = ignored.Area > 0 ? CocoMask.ToJson(ignored) : null,
                    }),
                ],
            };
        }
    }

    private static (RunLengthMask Target, RunLengthMask Ignored) Masks(JsonEntry entry, int width, int height)
    {
        var shapes = new List<(bool IsTarget, RunLengthMask Mask)>();
        foreach (var (element, i) in entry.List("shapes").EnumerateArray().Select((e, i) => (e, i)))
        {
            var shape = new JsonEntry(element, entry.Place, $"shapes[{i}]");
            var label = shape.Text("label");
            if (label.Contains("flag", StringComparison.OrdinalIgnoreCase)) continue; // marks of the annotators
            shapes.Add((!label.Contains("ignore", StringComparison.OrdinalIgnoreCase), RunLengthMask.FromPolygon(Points(shape), height, width)));
        }

        var nothing = RunLengthMask.FromPolygons([], height, width);
        var (target, ignored) = (nothing, nothing);
        foreach (var (isTarget, mask) in shapes.OrderByDescending(shape => shape.Mask.Area))
        {
            target = isTarget ? target.Union(mask) : CocoMask.Without(target, mask);
            ignored = isTarget ? CocoMask.Without(ignored, mask) : ignored.Union(mask);
        }

        return (target, ignored);
    }

    private static double[] Points(JsonEntry shape)
    {
        var points = shape.List("points");
        if (points.GetArrayLength() < 3) throw shape.Bad($"'points' has {points.GetArrayLength()} points, a polygon has three or more");
        var numbers = new List<double>();
        foreach (var point in points.EnumerateArray())
        {
            if (point.ValueKind != JsonValueKind.Array || point.GetArrayLength() != 2) throw shape.Bad($"a point is {JsonEntry.Show(point)}, not two numbers");
            foreach (var number in point.EnumerateArray())
            {
                // farther out than any picture: the outline would be walked for hours
                if (number.ValueKind != JsonValueKind.Number || !number.TryGetDouble(out var value) || !(Math.Abs(value) <= 1 << 20)) throw shape.Bad($"a point is {JsonEntry.Show(point)}, not two numbers of pixels");
                numbers.Add(value);
            }
        }

        return [.. numbers];
    }

    private static string? PictureOf(string annotation) => Extensions.Select(extension => Path.ChangeExtension(annotation, extension)).FirstOrDefault(File.Exists);

    private static string ReadText(string path)
    {
        var bytes = DataFile.ReadBytes(path);
        try
        {
            var start = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? 3 : 0;
            return DataFile.Utf8.GetString(bytes, start, bytes.Length - start);
        }
        catch (DecoderFallbackException)
        {
            return string.Create(bytes.Length, bytes, static (text, from) =>
            {
                for (var i = 0; i < from.Length; i++) text[i] = from[i] is >= 0x80 and < 0xA0 ? Windows1252[from[i] - 0x80] : (char)from[i];
            });
        }
    }
}
