using System.Text.Json;

namespace Sightline.Training.Data;

/// <summary>Writes ODVG JSON lines: a detection line for labelled objects, and a grounding line for each caption (phrases without one are joined into a caption).</summary>
internal static class OdvgWriter
{
    public static void Write(DataSet data, string path)
    {
        var labels = data.Classes.Concat(data.Samples.SelectMany(s => s.Objects).Select(o => o.Label)).Distinct(StringComparer.Ordinal)
            .Select((name, i) => (name, i)).ToDictionary(p => p.name, p => p.i, StringComparer.Ordinal);
        JsonText.WriteLines(path, Lines(data), (json, line) =>
        {
            json.WriteStartObject();
            json.WriteString("filename", line.Sample.PictureFile);
            json.WriteNumber("height", line.Sample.Frame.Height);
            json.WriteNumber("width", line.Sample.Frame.Width);
            if (line.Detection) Detection(json, data, line.Sample, labels);
            if (line.Caption is not null) Grounding(json, data, line.Sample, line.Caption, line.Phrases);
            if (data.Format == DataFormat.Odvg) JsonText.WriteMembers(json, line.Sample.Extra);
            json.WriteEndObject();
        });
    }

    private sealed record Line(DataSample Sample, bool Detection, string? Caption, IReadOnlyList<DataPhrase> Phrases);

    private static IEnumerable<Line> Lines(DataSet data)
    {
        foreach (var sample in data.Samples)
        {
            var grounded = sample.Phrases.Where(p => p.IsGrounded && p.Boxes.Count > 0).ToArray();
            var captions = sample.Captions.Select((text, i) => new Line(sample, false, text, [.. grounded.Where(p => p.Caption == i)])).ToList();
            var loose = grounded.Where(p => p.Caption is null).ToArray();
            if (loose.Length > 0) captions.Add(new Line(sample, false, string.Join(" . ", loose.Select(p => p.Text)) + " .", loose));
            // one line where one will do: that is also what was read
            if (captions.Count == 1 && sample.Objects.Count > 0) yield return captions[0] with { Detection = true };
            else
            {
                if (sample.Objects.Count > 0 || captions.Count == 0) yield return new Line(sample, true, null, []);
                foreach (var line in captions) yield return line;
            }
        }
    }

    private static void Detection(Utf8JsonWriter json, DataSet data, DataSample sample, Dictionary<string, int> labels)
    {
        json.WriteStartObject("detection");
        json.WriteStartArray("instances");
        foreach (var o in sample.Objects)
        {
            json.WriteStartObject();
            json.WritePropertyName("bbox");
            JsonText.WriteCorners(json, data.Format == DataFormat.Odvg ? o.Box : o.Box.To(sample.Frame));
            json.WriteNumber("label", labels[o.Label]);
            json.WriteString("category", o.Label);
            if (data.Format == DataFormat.Odvg) JsonText.WriteMembers(json, o.Extra);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Grounding(Utf8JsonWriter json, DataSet data, DataSample sample, string caption, IReadOnlyList<DataPhrase> phrases)
    {
        json.WriteStartObject("grounding");
        json.WriteString("caption", caption);
        json.WriteStartArray("regions");
        foreach (var phrase in phrases)
        {
            json.WriteStartObject();
            json.WritePropertyName("bbox");
            if (phrase.Boxes.Count == 1) JsonText.WriteCorners(json, phrase.Boxes[0].To(sample.Frame));
            else
            {
                json.WriteStartArray();
                foreach (var box in phrase.Boxes) JsonText.WriteCorners(json, box.To(sample.Frame));
                json.WriteEndArray();
            }

            json.WriteString("phrase", phrase.Text);
            if (data.Format == DataFormat.Odvg) JsonText.WriteMembers(json, phrase.Extra);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
