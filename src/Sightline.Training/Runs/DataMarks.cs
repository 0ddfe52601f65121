using System.Globalization;
using System.Text.Json;
using Sightline.Training.Data;

namespace Sightline.Training.Runs;

/// <summary><c>data.json</c> of a run's folder: what the data was like when the run began.</summary>
internal static class DataMarks
{
    /// <summary>The file's name.</summary>
    public const string FileName = "data.json";

    /// <summary>Writes the marks down.</summary>
    public static void Write(string path, IEnumerable<SourceMark> marks) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, JsonEntry.Plain with { Indented = true });
        json.WriteStartArray();
        foreach (var mark in marks)
        {
            json.WriteStartObject();
            json.WriteString("source", mark.Source);
            json.WriteString("path", mark.Path);
            json.WriteNumber("count", mark.Count);
            json.WriteString("sha256", mark.Fingerprint);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    /// <summary>Compares with what was written down; a source that was not, is not compared.</summary>
    /// <exception cref="SightlineException">BadData: a source has other data than the run began with, or the file is damaged.</exception>
    public static void Require(string path, IReadOnlyList<SourceMark> marks)
    {
        var began = Read(path).ToDictionary(mark => mark.Source, StringComparer.Ordinal);
        foreach (var now in marks)
        {
            if (!began.TryGetValue(now.Source, out var then) || then.Fingerprint == now.Fingerprint) continue;
            var what = then.Count == now.Count ? $"its {now.Count} entries have changed" : string.Create(CultureInfo.InvariantCulture, $"{then.Count} entries then, {now.Count} now");
            throw new SightlineException(ErrorKind.BadData, $"{now.Path} ({now.Source}) is not what this run began with ({what}): restore it, or train into another folder with --output");
        }
    }

    private static List<SourceMark> Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(DataFile.ReadBytes(path));
            return
            [
                .. document.RootElement.EnumerateArray().Select(one => new SourceMark(
                    one.GetProperty("source").GetString()!, one.GetProperty("path").GetString()!, one.GetProperty("count").GetInt32(), one.GetProperty("sha256").GetString()!)),
            ];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path} is damaged: delete it to go on without comparing the data with what the run began with", error);
        }
    }
}
