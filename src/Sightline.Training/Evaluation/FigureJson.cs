using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>The form of named figures in score files: <c>figures</c>, a list of name, value, and interval where there is one.</summary>
internal static class FigureJson
{
    public static void Write(Utf8JsonWriter writer, IReadOnlyList<(string Name, double Value, Interval? Interval)> figures)
    {
        writer.WriteStartArray("figures");
        foreach (var (name, value, interval) in figures)
        {
            writer.WriteStartObject();
            writer.WriteString("name", name);
            writer.WriteNumber("value", value);
            if (interval is { } range) JsonInterval.Write(writer, "interval", range);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
