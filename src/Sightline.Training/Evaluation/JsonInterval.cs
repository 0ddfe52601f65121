using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>The form of an interval in every score file.</summary>
internal static class JsonInterval
{
    public static void Write(Utf8JsonWriter writer, string name, Interval interval)
    {
        writer.WriteStartObject(name);
        WriteMembers(writer, interval);
        writer.WriteEndObject();
    }

    public static void WriteMembers(Utf8JsonWriter writer, Interval interval)
    {
        writer.WriteNumber("low", interval.Low);
        writer.WriteNumber("high", interval.High);
        writer.WriteNumber("level", interval.Level);
    }
}
