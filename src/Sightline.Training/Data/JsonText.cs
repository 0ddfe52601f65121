using System.Text.Json;
using System.Text.Unicode;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>Pieces that the JSON writers share.</summary>
internal static class JsonText
{
    /// <summary>
    /// Parses one value and makes sure that every name and string in it can be read: the parser itself lets broken UTF-8 and
    /// lone surrogates pass until somebody asks for them.
    /// </summary>
    /// <exception cref="SightlineException">BadData with the place.</exception>
    public static JsonDocument Parse(byte[] json, string place)
    {
        if (!Utf8.IsValid(json)) throw new SightlineException(ErrorKind.BadData, $"{place}: not UTF-8 text");
        var document = JsonDocument.Parse(json);
        if (json.AsSpan().IndexOf("\\u"u8) < 0) return document;
        try
        {
            Decode(document.RootElement);
            return document;
        }
        catch (InvalidOperationException e)
        {
            document.Dispose();
            throw new SightlineException(ErrorKind.BadData, $"{place}: a string holds half of a surrogate pair", e);
        }
    }

    private static void Decode(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray()) Decode(item);
                break;
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    _ = member.Name;
                    Decode(member.Value);
                }

                break;
        }
    }

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
        AtomicFile.Write(path, stream =>
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
                document = Parse(DataFile.Utf8.GetBytes(line), $"{path}, line {number}");
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
