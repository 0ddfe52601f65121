using System.Text.Json;

namespace Sightline.Training.Data;

/// <summary>Writes a RefCOCO-style list, one entry a phrase. Several boxes of one phrase become a list of boxes; entries come grouped by picture.</summary>
internal static class RefCocoWriter
{
    public static void Write(DataSet data, string path) =>
        AtomicFile.Write(path, stream =>
        {
            using var json = new Utf8JsonWriter(stream, JsonEntry.Plain with { Indented = true, IndentSize = 1 });
            json.WriteStartArray();
            foreach (var sample in data.Samples)
            {
                foreach (var phrase in sample.Phrases.Where(p => p.IsGrounded)) Entry(json, sample, phrase, data.Format == DataFormat.RefCoco);
                json.Flush();
            }

            json.WriteEndArray();
        });

    private static void Entry(Utf8JsonWriter json, DataSample sample, DataPhrase phrase, bool same)
    {
        json.WriteStartObject();
        json.WriteString("image", sample.PictureFile);
        if (sample.Width > 0) json.WriteNumber("width", sample.Width);
        if (sample.Height > 0) json.WriteNumber("height", sample.Height);
        json.WriteString("normal_caption", phrase.Text);
        json.WritePropertyName("solution");
        var boxes = same ? phrase.Boxes : [.. phrase.Boxes.Select(b => b.To(sample.Frame))];
        if (boxes.Count == 0) json.WriteNullValue();
        else if (boxes.Count == 1) JsonText.WriteCorners(json, boxes[0]);
        else
        {
            json.WriteStartArray();
            foreach (var box in boxes) JsonText.WriteCorners(json, box);
            json.WriteEndArray();
        }

        if (same) JsonText.WriteMembers(json, phrase.Extra);
        json.WriteEndObject();
    }
}
