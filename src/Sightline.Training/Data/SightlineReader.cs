using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// Sightline's own JSON lines (docs/guide/formats.md): a phrase a line, or the objects of a picture, each with the frame
/// that its boxes are in. Consecutive lines about one picture become one sample.
/// </summary>
internal static class SightlineReader
{
    public static DataSet Read(string path, string? pictures)
    {
        var samples = new List<DataSample>();
        var classes = new List<string>();
        DataSample? open = null;
        foreach (var (document, line) in JsonText.ReadLines(path))
        {
            using (document)
            {
                var entry = new JsonEntry(document.RootElement, path, $"line {line}");
                if (entry.Has("classes"))
                {
                    classes.AddRange(entry.Texts("classes"));
                    continue;
                }

                var file = entry.Text("picture");
                if (open is null || open.PictureFile != file)
                {
                    if (open is not null) samples.Add(open);
                    open = new DataSample(entry.OptionalText("id") ?? file, file, entry.OptionalSize("width"), entry.OptionalSize("height")) { Source = entry.Place };
                }

                open = Merge(open, entry);
            }
        }

        if (open is not null) samples.Add(open);
        if (samples.Count == 0) throw DataFile.Bad(path, "no record");
        return new DataSet
        {
            Name = Path.GetFileNameWithoutExtension(path),
            Format = DataFormat.Sightline,
            Classes = classes.Count > 0 ? classes : [.. samples.SelectMany(s => s.Objects).Select(o => o.Label).Concat(samples.Select(s => s.Label).OfType<string>()).Distinct().Order(StringComparer.Ordinal)],
            Samples = samples,
            PictureFolder = pictures ?? CocoReader.FindPictures(path, samples.Select(s => s.PictureFile)),
        };
    }

    private static DataSample Merge(DataSample sample, JsonEntry entry)
    {
        if (entry.OptionalSize("width") is > 0 and var width && entry.OptionalSize("height") is > 0 and var height) sample = sample with { Width = width, Height = height };
        var frame = Frame(entry, sample);
        sample = sample with
        {
            Split = entry.OptionalText("split") ?? sample.Split,
            Label = entry.OptionalText("label") ?? sample.Label,
            Number = entry.OptionalInteger("number") ?? sample.Number,
            Captions = entry.Has("captions") ? entry.Texts("captions") : sample.Captions,
            AbsentLabels = entry.Has("absent") ? entry.Texts("absent") : sample.AbsentLabels,
            IncompleteLabels = entry.Has("incomplete") ? entry.Texts("incomplete") : sample.IncompleteLabels,
        };
        if (entry.Has("phrase")) sample = sample with { Phrases = [.. sample.Phrases, Phrase(entry, frame)] };
        return entry.Has("objects")
            ? sample with { Objects = [.. sample.Objects, .. entry.List("objects").EnumerateArray().Select((e, i) => Object(new JsonEntry(e, entry.Place, $"objects[{i}]"), frame))] }
            : sample;
    }

    // "pixels" of the stated size, "unit", "thousandths", or [width, height] of a resized picture
    private static CoordinateFrame Frame(JsonEntry entry, DataSample sample)
    {
        if (!entry.Has("frame")) return entry.Has("phrase") || entry.Has("objects") ? throw entry.Bad("'frame' is missing: \"pixels\", \"unit\", \"thousandths\" or [width, height]") : default;
        var frame = entry.Required("frame");
        if (frame.ValueKind == JsonValueKind.Array) return entry.Integers("frame") is [> 0 and <= 1 << 24 and var w, > 0 and <= 1 << 24 and var h] ? CoordinateFrame.Pixels((int)w, (int)h) : throw entry.Bad("'frame' is not [width, height]");
        return entry.Text("frame") switch
        {
            "unit" => CoordinateFrame.Unit,
            "thousandths" => CoordinateFrame.Thousandths,
            "pixels" => sample.Width > 0 ? CoordinateFrame.Pixels(sample.Width, sample.Height) : throw entry.Bad("boxes in pixels need the picture's 'width' and 'height'"),
            var other => throw entry.Bad($"'frame' is '{other}', not \"pixels\", \"unit\", \"thousandths\" or [width, height]"),
        };
    }

    private static DataPhrase Phrase(JsonEntry entry, CoordinateFrame frame) => new(
        entry.Text("phrase") is { } text && !string.IsNullOrWhiteSpace(text) ? text : throw entry.Bad("'phrase' is empty"),
        entry.Has("boxes") ? [.. entry.List("boxes").EnumerateArray().Select(b => entry.Corners(b, "boxes", frame))] : [])
    {
        IsGrounded = entry.Has("boxes"),
        Id = entry.OptionalText("phrase_id"),
        Caption = (int?)entry.OptionalInteger("caption"),
        Start = (int?)entry.OptionalInteger("start"),
        Types = entry.Has("types") ? entry.Texts("types") : [],
        Segmentation = entry.Optional("segmentation")?.GetRawText(),
        IgnoredSegmentation = entry.Optional("ignored")?.GetRawText(),
    };

    private static LabelledBox Object(JsonEntry entry, CoordinateFrame frame) => new(entry.Text("label"), entry.Corners(entry.Required("box"), "box", frame))
    {
        Id = entry.OptionalInteger("id"),
        Crowd = entry.Flag("crowd"),
        Difficult = entry.Flag("difficult"),
        Truncated = entry.Flag("truncated"),
        Area = entry.OptionalNumber("area"),
        Segmentation = entry.Optional("segmentation")?.GetRawText(),
    };
}
