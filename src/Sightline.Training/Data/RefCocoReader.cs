using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// RefCOCO-style JSON: a list of {image, width, height, normal_caption, solution}, where solution is x1, y1, x2, y2 in
/// pixels, or null for an expression that matches nothing. Entries about one picture become one sample.
/// </summary>
internal static class RefCocoReader
{
    private static readonly string[] TextNames = ["normal_caption", "expression", "caption", "sentence", "phrase", "ref"];
    private static readonly string[] Known = ["image", "width", "height", "solution"];

    public static DataSet Read(string path, string? pictures)
    {
        var order = new List<string>();
        var samples = new Dictionary<string, (DataSample Sample, List<DataPhrase> Phrases)>(StringComparer.Ordinal);
        using (var json = new JsonFileReader(path))
        {
            json.ReadArray((e, i) => Entry(new JsonEntry(e, path, $"entry [{i}]"), order, samples));
        }

        if (order.Count == 0) throw DataFile.Bad(path, "an empty list");
        return new DataSet
        {
            Name = Path.GetFileNameWithoutExtension(path),
            Format = DataFormat.RefCoco,
            Samples = [.. order.Select(k => samples[k].Sample with { Phrases = samples[k].Phrases })],
            PictureFolder = pictures ?? CocoReader.FindPictures(path, order),
        };
    }

    private static void Entry(JsonEntry entry, List<string> order, Dictionary<string, (DataSample Sample, List<DataPhrase> Phrases)> samples)
    {
        if (!entry.Has("image") && entry.Has("image_id") && entry.Has("score"))
            throw entry.Bad("this is a list of detections (COCO results), not a data set; give it to 'evaluate' as detections");
        var image = entry.Text("image");
        if (!samples.TryGetValue(image, out var known))
        {
            known = (new DataSample(image, image, entry.OptionalSize("width"), entry.OptionalSize("height")) { Source = entry.Place }, []);
            samples[image] = known;
            order.Add(image);
        }

        var (width, height) = (entry.OptionalSize("width"), entry.OptionalSize("height"));
        if (width != known.Sample.Width || height != known.Sample.Height)
            throw entry.Bad($"the picture '{image}' is {width} x {height} here and {known.Sample.Width} x {known.Sample.Height} in an earlier entry");
        var textName = TextNames.FirstOrDefault(entry.Has) ?? throw entry.Bad($"no expression: one of {string.Join(", ", TextNames)} is needed");
        var frame = width > 0 && height > 0 ? CoordinateFrame.Pixels(width, height) : default;
        var boxes = entry.Optional("solution") switch
        {
            null => [],
            { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() > 0 && list[0].ValueKind == JsonValueKind.Array =>
                list.EnumerateArray().Select(b => entry.Corners(b, "solution", frame)).ToArray(),
            { } one => [entry.Corners(one, "solution", frame)],
        };
        var types = entry.Optional("categories") is { ValueKind: JsonValueKind.Object } categories && categories.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.Array
            ? type.EnumerateArray().Where(t => t.ValueKind == JsonValueKind.String).Select(t => entry.TextOf(t, "type")).ToArray()
            : [];
        known.Phrases.Add(new DataPhrase(entry.Text(textName), boxes)
        {
            Id = entry.Optional("annotation_id") is { ValueKind: JsonValueKind.String } id ? entry.TextOf(id, "annotation_id") : null,
            Types = types,
            Extra = entry.Rest([.. Known, textName]),
        });
    }
}
