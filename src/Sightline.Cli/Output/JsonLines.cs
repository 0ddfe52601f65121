using System.Globalization;
using System.Text.Json;

namespace Sightline.Cli.Output;

/// <summary>Files with one JSON object a line.</summary>
internal static class JsonLines
{
    /// <summary>Each line's object and its place for messages; empty lines are skipped. An object lives until the next one.</summary>
    /// <exception cref="SightlineException">NotFound, or BadData with the line.</exception>
    public static IEnumerable<(JsonElement Line, string Where)> Read(string path)
    {
        var number = 0;
        foreach (var line in ReadText(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            var where = string.Create(CultureInfo.InvariantCulture, $"{path} line {number}");
            using var document = Parse(line, where);
            yield return (document.RootElement, where);
        }
    }

    /// <summary>The string of an element; half of a surrogate pair is an error.</summary>
    public static string Text(JsonElement element, string where)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new SightlineException(ErrorKind.BadData, $"{where}: half of a surrogate pair is no text", error);
        }
    }

    /// <summary>An error in a line.</summary>
    public static SightlineException Bad(string where, string what) => new(ErrorKind.BadData, $"{where}: {what}");

    private static string[] ReadText(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read: {error.Message}", error);
        }
    }

    private static JsonDocument Parse(string line, string where)
    {
        try
        {
            var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
            throw Bad(where, "must be a JSON object");
        }
        catch (JsonException error)
        {
            throw new SightlineException(ErrorKind.BadData, $"{where}: damaged JSON: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }
}
