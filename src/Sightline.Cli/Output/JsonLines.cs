using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sightline.Cli.Output;

/// <summary>Files with one JSON object a line.</summary>
internal static class JsonLines
{
    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

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
        if (Directory.Exists(path)) throw new SightlineException(ErrorKind.NotFound, $"{path} is a folder: give a file with one JSON object a line");
        if (!File.Exists(path)) throw new SightlineException(ErrorKind.NotFound, $"there is no file {path}");
        try
        {
            return File.ReadAllLines(path, s_strict);
        }
        catch (DecoderFallbackException error)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path}: not UTF-8 text", error);
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
            throw new SightlineException(ErrorKind.BadData, string.Create(CultureInfo.InvariantCulture, $"{where}: damaged JSON at byte {error.BytePositionInLine + 1}: {Reason(error)}"), error);
        }
    }

    // what follows counts lines within the line
    private static string Reason(JsonException error)
    {
        var text = error.Message.ReplaceLineEndings(" ");
        return text.IndexOf(" LineNumber:", StringComparison.Ordinal) is > 0 and var at ? text[..at] : text;
    }
}
