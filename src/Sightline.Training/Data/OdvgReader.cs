using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// ODVG JSON lines, as Grounding DINO's training code takes them (Open-GroundingDino, data_format.md): one picture a line
/// with "detection" (instances: bbox, label, category) or "grounding" (caption, regions: bbox, phrase). Boxes are corners
/// in pixels.
/// </summary>
internal static class OdvgReader
{
    public static DataSet Read(string path, string? pictures)
    {
        var samples = new List<DataSample>();
        var classes = new SortedDictionary<long, string>();
        foreach (var (document, line) in JsonText.ReadLines(path))
        {
            using (document) samples.Add(Sample(new JsonEntry(document.RootElement, path, $"line {line}"), classes));
        }

        if (samples.Count == 0) throw DataFile.Bad(path, "no ODVG record");
        return new DataSet
        {
            Name = Path.GetFileNameWithoutExtension(path),
            Format = DataFormat.Odvg,
            Classes = [.. classes.Values.Distinct(StringComparer.Ordinal)],
            Samples = samples,
            PictureFolder = pictures ?? CocoReader.FindPictures(path, samples.Select(s => s.PictureFile)),
        };
    }

    private static DataSample Sample(JsonEntry entry, SortedDictionary<long, string> classes)
    {
        var file = entry.Text("filename");
        var sample = new DataSample(file, file, entry.Size("width"), entry.Size("height"))
        {
            Extra = entry.Rest("filename", "width", "height", "detection", "grounding"),
            Source = entry.Place,
        };
        if (!entry.Has("detection") && !entry.Has("grounding")) throw entry.Bad("neither 'detection' nor 'grounding'");
        if (entry.Has("detection"))
        {
            var detection = entry.Object("detection");
            sample = sample with { Objects = [.. detection.List("instances").EnumerateArray().Select((e, i) => Instance(new JsonEntry(e, entry.Place, $"instances[{i}]"), sample.Frame, classes))] };
        }

        if (!entry.Has("grounding")) return sample;
        var grounding = entry.Object("grounding");
        var caption = grounding.OptionalText("caption");
        return sample with
        {
            Captions = caption is null ? [] : [caption],
            Phrases = [.. grounding.List("regions").EnumerateArray().SelectMany((e, i) => Region(new JsonEntry(e, entry.Place, $"regions[{i}]"), sample.Frame, caption))],
        };
    }

    private static LabelledBox Instance(JsonEntry entry, CoordinateFrame frame, SortedDictionary<long, string> classes)
    {
        var number = entry.OptionalInteger("label");
        var category = entry.OptionalText("category") ?? (number is { } n ? $"class {n}" : throw entry.Bad("neither 'label' nor 'category'"));
        if (number is { } id) classes.TryAdd(id, category);
        return new LabelledBox(category, entry.Corners(entry.Required("bbox"), "bbox", frame)) { Extra = entry.Rest("bbox", "label", "category") };
    }

    private static IEnumerable<DataPhrase> Region(JsonEntry entry, CoordinateFrame frame, string? caption)
    {
        var value = entry.Required("bbox");
        Box[] boxes = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value[0].ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(b => entry.Corners(b, "bbox", frame))]
            : [entry.Corners(value, "bbox", frame)];
        var phrases = entry.Required("phrase").ValueKind == JsonValueKind.Array ? entry.Texts("phrase") : [entry.Text("phrase")];
        var extra = entry.Rest("bbox", "phrase");
        foreach (var phrase in phrases)
        {
            var start = caption?.IndexOf(phrase, StringComparison.Ordinal) ?? -1;
            yield return new DataPhrase(phrase, boxes) { Caption = caption is null ? null : 0, Start = start < 0 ? null : start, Extra = extra };
        }
    }
}
