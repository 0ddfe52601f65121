using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>One figure of two runs on the same pictures.</summary>
/// <param name="Name">Which figure.</param>
/// <param name="A">Of the first run.</param>
/// <param name="B">Of the second run.</param>
/// <param name="Difference">A - B.</param>
/// <param name="Interval">Of the difference, over redrawn pictures.</param>
/// <param name="PValue">
/// Two-sided, of the test that exchanges the runs' answers picture by picture: the chance of a difference as large if the
/// runs were equally good. Never 0: one exchange is the one observed (Phipson and Smyth 2010).
/// </param>
public sealed record PairedComparison(string Name, double A, double B, double Difference, Interval Interval, double PValue)
{
    /// <summary>Writes the member <c>against</c> into an open object: one entry a figure.</summary>
    public static void WriteJson(Utf8JsonWriter writer, IReadOnlyList<PairedComparison> comparisons)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(comparisons);
        writer.WriteStartArray("against");
        foreach (var comparison in comparisons)
        {
            writer.WriteStartObject();
            writer.WriteString("name", comparison.Name);
            writer.WriteNumber("a", comparison.A);
            writer.WriteNumber("b", comparison.B);
            writer.WriteNumber("difference", comparison.Difference);
            JsonInterval.WriteMembers(writer, comparison.Interval);
            writer.WriteNumber("p_value", comparison.PValue);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    // equal differences must count as equal whatever order they were summed in
    internal static bool IsAsFar(double difference, double observed) => Math.Abs(difference) >= Math.Abs(observed) - 1e-12;

    internal static double Chance(int asFar, int samples) => (asFar + 1.0) / (samples + 1);
}
