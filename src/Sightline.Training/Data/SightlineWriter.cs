using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>Writes Sightline's own JSON lines (docs/guide/formats.md). Everything of the model is kept but what only another format understands (Extra).</summary>
internal static class SightlineWriter
{
    public static void Write(DataSet data, string path) => JsonText.WriteLines(path, Lines(data), (json, write) => write(json));

    private static IEnumerable<Action<Utf8JsonWriter>> Lines(DataSet data)
    {
        if (data.Classes.Count > 0)
        {
            yield return json =>
            {
                json.WriteStartObject();
                Texts(json, "classes", data.Classes);
                json.WriteEndObject();
            };
        }

        foreach (var sample in data.Samples)
        {
            // objects of one frame a line; the first line also carries what is said of the picture as a whole
            var groups = sample.Objects.GroupBy(o => o.Box.Frame).ToList();
            if (groups.Count > 0 || sample.Captions.Count > 0 || sample.Phrases.Count == 0 || sample.Label is not null || sample.AbsentLabels is not null || sample.IncompleteLabels is not null || sample.Number is not null)
                yield return json => PictureLine(json, sample, groups.Count > 0 ? [.. groups[0]] : []);
            foreach (var group in groups.Skip(1)) yield return json => ObjectsLine(json, sample, [.. group]);
            foreach (var phrase in sample.Phrases) yield return json => PhraseLine(json, sample, phrase);
        }
    }

    private static void PictureLine(Utf8JsonWriter json, DataSample sample, IReadOnlyList<LabelledBox> objects)
    {
        Begin(json, sample);
        if (sample.Label is not null) json.WriteString("label", sample.Label);
        if (sample.Number is { } number) json.WriteNumber("number", number);
        if (sample.Captions.Count > 0) Texts(json, "captions", sample.Captions);
        if (sample.AbsentLabels is not null) Texts(json, "absent", sample.AbsentLabels);
        if (sample.IncompleteLabels is not null) Texts(json, "incomplete", sample.IncompleteLabels);
        if (objects.Count > 0) Objects(json, sample, objects);
        json.WriteEndObject();
    }

    private static void ObjectsLine(Utf8JsonWriter json, DataSample sample, IReadOnlyList<LabelledBox> objects)
    {
        Begin(json, sample);
        Objects(json, sample, objects);
        json.WriteEndObject();
    }

    private static void PhraseLine(Utf8JsonWriter json, DataSample sample, DataPhrase phrase)
    {
        Begin(json, sample);
        json.WriteString("phrase", phrase.Text);
        if (phrase.IsGrounded)
        {
            json.WriteStartArray("boxes");
            // one line has one frame: a stray box in another is brought to the first one's
            foreach (var box in phrase.Boxes) JsonText.WriteCorners(json, box.To(phrase.Boxes[0].Frame));
            json.WriteEndArray();
        }

        Frame(json, sample, phrase.Boxes.Count > 0 ? phrase.Boxes[0].Frame : CoordinateFrame.Unit);
        if (phrase.Id is not null) json.WriteString("phrase_id", phrase.Id);
        if (phrase.Caption is { } caption) json.WriteNumber("caption", caption);
        if (phrase.Start is { } start) json.WriteNumber("start", start);
        if (phrase.Types.Count > 0) Texts(json, "types", phrase.Types);
        Raw(json, "segmentation", phrase.Segmentation);
        Raw(json, "ignored", phrase.IgnoredSegmentation);
        json.WriteEndObject();
    }

    private static void Begin(Utf8JsonWriter json, DataSample sample)
    {
        json.WriteStartObject();
        json.WriteString("picture", sample.PictureFile);
        if (sample.Id != sample.PictureFile) json.WriteString("id", sample.Id);
        if (sample.Width > 0) json.WriteNumber("width", sample.Width);
        if (sample.Height > 0) json.WriteNumber("height", sample.Height);
        if (sample.Split is not null) json.WriteString("split", sample.Split);
    }

    private static void Objects(Utf8JsonWriter json, DataSample sample, IReadOnlyList<LabelledBox> objects)
    {
        Frame(json, sample, objects[0].Box.Frame);
        json.WriteStartArray("objects");
        foreach (var o in objects)
        {
            json.WriteStartObject();
            json.WriteString("label", o.Label);
            json.WritePropertyName("box");
            JsonText.WriteCorners(json, o.Box);
            if (o.Id is { } id) json.WriteNumber("id", id);
            if (o.Crowd) json.WriteBoolean("crowd", true);
            if (o.Difficult) json.WriteBoolean("difficult", true);
            if (o.Truncated) json.WriteBoolean("truncated", true);
            if (o.Area is { } area) json.WriteNumber("area", area);
            Raw(json, "segmentation", o.Segmentation);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Frame(Utf8JsonWriter json, DataSample sample, CoordinateFrame frame)
    {
        if (frame == CoordinateFrame.Unit) json.WriteString("frame", "unit");
        else if (sample.Width > 0 && frame == CoordinateFrame.Pixels(sample.Width, sample.Height)) json.WriteString("frame", "pixels");
        else if (frame == CoordinateFrame.Thousandths) json.WriteString("frame", "thousandths");
        else if (frame.IsUnspecified) throw new SightlineException(ErrorKind.BadData, $"{sample.Source ?? sample.Id}: the size of the picture '{sample.PictureFile}' is not known, so its boxes have no frame");
        else
        {
            json.WriteStartArray("frame");
            json.WriteNumberValue(frame.Width);
            json.WriteNumberValue(frame.Height);
            json.WriteEndArray();
        }
    }

    private static void Raw(Utf8JsonWriter json, string name, string? value)
    {
        if (value is null) return;
        json.WritePropertyName(name);
        json.WriteRawValue(value);
    }

    private static void Texts(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
