using System.Globalization;
using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// Sightline's own JSON lines of problems, one a line: <c>prompt</c>; <c>pictures</c> (files relative to this one); and, as known, <c>id</c>, <c>system</c>,
/// <c>solution</c>, <c>frame</c>, <c>boxes</c> (<c>{"box": [x1, y1, x2, y2], "label"}</c> or four numbers each, in <c>box_frame</c>), <c>label</c>,
/// <c>synonyms</c>, <c>subject</c>, <c>answer</c>, <c>split</c>. Frames are <c>"thousandths"</c>, <c>"unit"</c> or <c>[width, height]</c> in pixels.
/// </summary>
internal static class ProblemReader
{
    public static IEnumerable<Problem> Read(string path, string? pictures = null)
    {
        var names = new PictureNames(path, pictures);
        foreach (var (document, line) in JsonText.ReadLines(path))
        {
            using (document) yield return Read(new JsonEntry(document.RootElement, path, string.Create(CultureInfo.InvariantCulture, $"line {line}")), names, line);
        }
    }

    private static Problem Read(JsonEntry entry, PictureNames names, int line)
    {
        if (entry.Rest("id", "prompt", "pictures", "system", "solution", "frame", "boxes", "box_frame", "label", "synonyms", "subject", "answer", "split") is { } rest)
            throw entry.Bad($"unknown members {rest}");
        var boxes = entry.Has("boxes") ? Boxes(entry) : null;
        return new Problem(entry.OptionalText("id") ?? line.ToString(CultureInfo.InvariantCulture), entry.Text("prompt"))
        {
            Pictures = entry.Has("pictures") ? [.. entry.Texts("pictures").Select(names.File)] : [],
            System = entry.OptionalText("system"),
            Solution = entry.OptionalText("solution"),
            Frame = Frame(entry, "frame"),
            Boxes = boxes,
            Label = entry.OptionalText("label"),
            Synonyms = entry.Has("synonyms") ? entry.Texts("synonyms") : [],
            Subject = entry.OptionalText("subject"),
            Answer = entry.OptionalText("answer"),
            Split = entry.OptionalText("split"),
            Source = entry.Place,
        };
    }

    private static LabelledBox[] Boxes(JsonEntry entry)
    {
        var frame = Frame(entry, "box_frame") ?? throw entry.Bad("'boxes' need their 'box_frame': \"thousandths\", \"unit\" or [width, height]");
        return [.. entry.List("boxes").EnumerateArray().Select((element, i) =>
        {
            if (element.ValueKind == JsonValueKind.Array) return new LabelledBox("", entry.Corners(element, "boxes", frame));
            var one = new JsonEntry(element, entry.Place, $"boxes[{i}]");
            return new LabelledBox(one.OptionalText("label") ?? "", one.Corners(one.Required("box"), "box", frame));
        })];
    }

    private static CoordinateFrame? Frame(JsonEntry entry, string name)
    {
        if (entry.Optional(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Array && entry.Integers(name) is [> 0 and <= 1 << 24 and var width, > 0 and <= 1 << 24 and var height]) return CoordinateFrame.Pixels((int)width, (int)height);
        return value.ValueKind == JsonValueKind.String ? value.GetString() switch
        {
            "thousandths" => CoordinateFrame.Thousandths,
            "unit" => CoordinateFrame.Unit,
            _ => throw Wrong(),
        }
        : throw Wrong();

        SightlineException Wrong() => entry.Bad($"'{name}' is {JsonEntry.Show(value)}, not \"thousandths\", \"unit\" or [width, height]");
    }
}
