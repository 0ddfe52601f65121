using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>Pieces that the JSON writers share.</summary>
internal static class JsonText
{
    /// <summary>Writes the members of a JSON object (kept as text) into the object that is open.</summary>
    public static void WriteMembers(Utf8JsonWriter json, string? members)
    {
        if (members is null) return;
        using var document = JsonDocument.Parse(members);
        foreach (var member in document.RootElement.EnumerateObject()) member.WriteTo(json);
    }

    /// <summary>Writes x1, y1, x2, y2.</summary>
    public static void WriteCorners(Utf8JsonWriter json, in Box box)
    {
        json.WriteStartArray();
        json.WriteNumberValue(box.X1);
        json.WriteNumberValue(box.Y1);
        json.WriteNumberValue(box.X2);
        json.WriteNumberValue(box.Y2);
        json.WriteEndArray();
    }

    /// <summary>Writes one JSON object a line.</summary>
    public static void WriteLines<T>(string path, IEnumerable<T> items, Action<Utf8JsonWriter, T> write) =>
        DataFile.Write(path, stream =>
        {
            using var json = new Utf8JsonWriter(stream, JsonEntry.Plain);
            foreach (var item in items)
            {
                write(json, item);
                json.Flush();
                json.Reset();
                stream.WriteByte((byte)'\n');
            }
        });

    /// <summary>Reads one JSON object a line; empty lines are passed over.</summary>
    public static IEnumerable<(JsonDocument Document, int Line)> ReadLines(string path)
    {
        using var stream = DataFile.OpenRead(path);
        using var reader = new StreamReader(stream, DataFile.Utf8);
        for (var number = 1; ; number++)
        {
            string? line;
            JsonDocument document;
            try
            {
                line = reader.ReadLine();
                if (line is null) yield break;
                if (string.IsNullOrWhiteSpace(line)) continue;
                document = JsonDocument.Parse(line);
            }
            catch (JsonException e)
            {
                throw new SightlineException(ErrorKind.BadData, $"{path}, line {number}: not valid JSON ({e.Message.Split(". ")[0]})", e);
            }
            catch (System.Text.DecoderFallbackException e)
            {
                throw new SightlineException(ErrorKind.BadData, $"{path}, line {number}: not UTF-8 text", e);
            }

            yield return (document, number);
        }
    }
}
