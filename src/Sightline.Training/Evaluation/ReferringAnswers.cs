using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>The answers of a run in its score file, from which a later run is compared with it.</summary>
public static class ReferringAnswers
{
    private const string Member = "answers";

    /// <summary>Reads the answers of a file that <c>evaluate referring --json</c> wrote.</summary>
    /// <exception cref="SightlineException">NotFound or BadData; the message names file and entry.</exception>
    public static IReadOnlyList<ReferringAnswer> Load(string path)
    {
        var bytes = AnnotationJson.ReadFile(path);
        try
        {
            using var document = JsonDocument.Parse(bytes);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty(Member, out var list) || list.ValueKind != JsonValueKind.Array)
                throw new SightlineException(ErrorKind.BadData, $"{path} has no list '{Member}': it is not what evaluate referring --json writes");
            return [.. list.EnumerateArray().Select((entry, number) => Read(entry, path, number))];
        }
        catch (JsonException error)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path}, line {error.LineNumber + 1}: not valid JSON ({error.Message})", error);
        }
    }

    /// <summary>Writes the member <c>answers</c> into an open object.</summary>
    internal static void WriteJson(Utf8JsonWriter writer, IReadOnlyList<ReferringAnswer> answers)
    {
        writer.WriteStartArray(Member);
        foreach (var answer in answers)
        {
            writer.WriteStartObject();
            writer.WriteString("picture", answer.Picture);
            writer.WriteString("phrase", answer.Phrase);
            writer.WriteNumber("boxes", answer.Truths);
            writer.WriteBoolean("relational", answer.Relational);
            writer.WriteNumber("presence", answer.Presence);
            writer.WriteNumber("iou", answer.Iou);
            writer.WriteBoolean("pointed", answer.IsPointed);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static ReferringAnswer Read(JsonElement entry, string path, int number)
    {
        try
        {
            var answer = new ReferringAnswer(
                entry.GetProperty("picture").GetString()!, entry.GetProperty("phrase").GetString()!, entry.GetProperty("boxes").GetInt32(), entry.GetProperty("relational").GetBoolean(),
                entry.GetProperty("presence").GetDouble(), entry.GetProperty("iou").GetDouble(), entry.GetProperty("pointed").GetBoolean());
            if (answer.Picture is not null && answer.Phrase is not null && answer is { Truths: >= 0, Presence: >= 0 and <= 1, Iou: >= 0 and <= 1 }) return answer;
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path}, {Member}[{number}]: {error.Message}", error);
        }

        throw new SightlineException(ErrorKind.BadData, $"{path}, {Member}[{number}]: a value is out of range");
    }
}
