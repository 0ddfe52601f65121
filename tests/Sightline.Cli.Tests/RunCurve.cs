using System.Text.Json;

namespace Sightline.Cli.Tests;

/// <summary>The figures of a run, from its log.</summary>
internal static class RunCurve
{
    /// <summary>Requires the same steps and measurements of two run folders, with the same figures but for those that speak of time.</summary>
    public static void RequireSame(string expected, string actual, double tolerance)
    {
        var (one, other) = (Read(expected), Read(actual));
        Assert.NotEmpty(one);
        Assert.Equal(one.Keys, other.Keys);
        foreach (var (name, value) in one) Assert.True(Math.Abs(other[name] - value) <= tolerance * Math.Max(1, Math.Abs(value)), $"{name}: {value} in {expected} and {other[name]} in {actual}");
    }

    private static SortedDictionary<string, double> Read(string run)
    {
        var curve = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines(Path.Combine(run, "metrics.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            foreach (var value in root.GetProperty("values").EnumerateObject())
            {
                if (value.Name == "pictures_per_second" || value.Name.StartsWith("seconds_", StringComparison.Ordinal) || value.Value.ValueKind != JsonValueKind.Number) continue;
                curve.Add($"{root.GetProperty("stage")} {root.GetProperty("step"):0000} {root.GetProperty("group")} {value.Name}", value.Value.GetDouble());
            }
        }

        return curve;
    }
}
