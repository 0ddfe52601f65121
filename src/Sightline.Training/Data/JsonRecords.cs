using System.Globalization;
using System.Text.Json;

namespace Sightline.Training.Data;

/// <summary>The records of a file: a JSON list, or one JSON object a line.</summary>
internal static class JsonRecords
{
    /// <summary>Whether a file is read line by line.</summary>
    public static bool IsLines(string path) => Path.GetExtension(path).ToLowerInvariant() is ".jsonl" or ".ndjson";

    /// <summary>Reads all records; what the callback keeps of an element must be cloned.</summary>
    /// <exception cref="SightlineException">BadData, naming the line or entry.</exception>
    public static void Read(string path, Action<JsonEntry, int> record)
    {
        if (!IsLines(path))
        {
            using var json = new JsonFileReader(path);
            json.ReadArray((element, i) => record(new JsonEntry(element, path, string.Create(CultureInfo.InvariantCulture, $"entry [{i}]")), i));
            return;
        }

        var count = 0;
        foreach (var (document, line) in JsonText.ReadLines(path))
        {
            using (document) record(new JsonEntry(document.RootElement, path, string.Create(CultureInfo.InvariantCulture, $"line {line}")), count++);
        }
    }

    /// <summary>The format that a record's members speak for, or null.</summary>
    public static DataFormat? Detect(JsonElement record)
    {
        if (record.ValueKind != JsonValueKind.Object) return null;
        if (Has("filename")) return DataFormat.Odvg;
        if (Has("problem") && !Has("normal_caption")) return DataFormat.VisualRft; // RefCOCO-style lists may have both
        if (Has("conversations")) return Has("image") ? DataFormat.VlmR1 : DataFormat.ShareGpt;
        if (Has("messages") || Has("instruction")) return DataFormat.ShareGpt;
        if (Has("prompt")) return DataFormat.Problems;
        if (Has("picture") || Has("classes")) return DataFormat.Sightline;
        return null;

        bool Has(string name) => record.TryGetProperty(name, out _);
    }
}
