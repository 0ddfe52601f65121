using System.Text.Json;

namespace Sightline.Training.Data;

/// <summary>
/// Writes COCO and LVIS JSON. What came from such a file goes back as it was (info, licences, categories, masks, further
/// members); only the order of annotations is regrouped by picture. Boxes from other frames become pixels.
/// </summary>
internal static class CocoWriter
{
    public static void Write(DataSet data, string path, DataFormat format) =>
        AtomicFile.Write(path, stream =>
        {
            using var json = new Utf8JsonWriter(stream, JsonEntry.Plain);
            Write(data, json, format);
        });

    private static void Write(DataSet data, Utf8JsonWriter json, DataFormat format)
    {
        using var extra = data.Format is DataFormat.Coco or DataFormat.Lvis && data.Extra is not null ? JsonDocument.Parse(data.Extra) : null;
        var categories = Categories(data, extra?.RootElement, out var raw);
        json.WriteStartObject();
        if (extra is not null)
        {
            foreach (var member in extra.RootElement.EnumerateObject())
            {
                if (member.Name != "categories") member.WriteTo(json);
            }
        }

        json.WriteStartArray("images");
        var numbers = Numbers(data.Samples);
        for (var i = 0; i < data.Samples.Count; i++) Image(json, data, data.Samples[i], numbers[i], categories, format);
        json.WriteEndArray();
        json.WriteStartArray("annotations");
        var next = data.Samples.SelectMany(s => s.Objects).Max(o => o.Id) ?? 0;
        for (var i = 0; i < data.Samples.Count; i++)
        {
            foreach (var o in data.Samples[i].Objects) Annotation(json, data, data.Samples[i], o, o.Id ?? ++next, numbers[i], categories, format);
            json.Flush();
        }

        json.WriteEndArray();
        json.WriteStartArray("categories");
        foreach (var (name, id) in categories.OrderBy(c => c.Value))
        {
            if (raw.TryGetValue(name, out var element)) element.WriteTo(json);
            else
            {
                json.WriteStartObject();
                json.WriteNumber("id", id);
                json.WriteString("name", name);
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Class name to category id: the file's own where it came from COCO, else from 1 in the order of the classes.</summary>
    private static Dictionary<string, long> Categories(DataSet data, JsonElement? extra, out Dictionary<string, JsonElement> raw)
    {
        var ids = new Dictionary<string, long>(StringComparer.Ordinal);
        raw = new(StringComparer.Ordinal);
        if (extra is { } e && e.TryGetProperty("categories", out var list))
        {
            foreach (var category in list.EnumerateArray())
            {
                var name = category.GetProperty("name").GetString()!;
                if (ids.TryAdd(name, (long)category.GetProperty("id").GetDouble())) raw[name] = category;
            }
        }

        var next = ids.Count == 0 ? 1 : ids.Values.Max() + 1;
        foreach (var name in data.Classes.Concat(data.Samples.SelectMany(s => s.Objects).Select(o => o.Label)))
        {
            if (ids.TryAdd(name, next)) next++;
        }

        return ids;
    }

    // the files' own numbers when every sample has one and they differ; else from 1
    private static long[] Numbers(IReadOnlyList<DataSample> samples)
    {
        var own = samples.Select(s => s.Number).ToArray();
        var usable = own.All(n => n is not null) && own.Distinct().Count() == own.Length;
        return [.. own.Select((n, i) => usable ? n!.Value : i + 1)];
    }

    private static void Image(Utf8JsonWriter json, DataSet data, DataSample sample, long number, Dictionary<string, long> categories, DataFormat format)
    {
        json.WriteStartObject();
        json.WriteNumber("id", number);
        // LVIS v1 names the file by its address alone
        if (!(format == DataFormat.Lvis && data.Format == DataFormat.Lvis && sample.Extra?.Contains("\"coco_url\"", StringComparison.Ordinal) == true))
            json.WriteString("file_name", sample.PictureFile);
        if (sample.Width > 0) json.WriteNumber("width", sample.Width);
        if (sample.Height > 0) json.WriteNumber("height", sample.Height);
        if (format == DataFormat.Lvis)
        {
            Ids(json, "neg_category_ids", sample.AbsentLabels ?? [], categories);
            Ids(json, "not_exhaustive_category_ids", sample.IncompleteLabels ?? [], categories);
        }

        if (data.Format is DataFormat.Coco or DataFormat.Lvis) JsonText.WriteMembers(json, sample.Extra);
        json.WriteEndObject();
    }

    private static void Ids(Utf8JsonWriter json, string name, IReadOnlyList<string> labels, Dictionary<string, long> categories)
    {
        json.WriteStartArray(name);
        foreach (var label in labels)
        {
            if (categories.TryGetValue(label, out var id)) json.WriteNumberValue(id);
        }

        json.WriteEndArray();
    }

    private static void Annotation(Utf8JsonWriter json, DataSet data, DataSample sample, LabelledBox o, long id, long image, Dictionary<string, long> categories, DataFormat format)
    {
        var fromCoco = data.Format is DataFormat.Coco or DataFormat.Lvis;
        var box = fromCoco ? o.Box : o.Box.To(sample.Frame);
        var (width, height) = (ShortNumber.Size(box.X1, box.X2), ShortNumber.Size(box.Y1, box.Y2));
        json.WriteStartObject();
        json.WriteNumber("id", id);
        json.WriteNumber("image_id", image);
        json.WriteNumber("category_id", categories[o.Label]);
        json.WriteStartArray("bbox");
        json.WriteNumberValue(box.X1);
        json.WriteNumberValue(box.Y1);
        json.WriteNumberValue(width);
        json.WriteNumberValue(height);
        json.WriteEndArray();
        if ((o.Area ?? (fromCoco ? null : Math.Round(box.Area, 3))) is { } area) json.WriteNumber("area", area);
        if (o.Crowd || format == DataFormat.Coco) json.WriteNumber("iscrowd", o.Crowd ? 1 : 0); // LVIS has no crowds
        if (o.Score is { } score) json.WriteNumber("score", Math.Round(score, 4));
        if (o.Segmentation is not null)
        {
            json.WritePropertyName("segmentation");
            json.WriteRawValue(o.Segmentation);
        }

        if (fromCoco) JsonText.WriteMembers(json, o.Extra);
        json.WriteEndObject();
    }
}
