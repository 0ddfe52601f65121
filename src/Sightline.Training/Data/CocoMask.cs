using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>Masks as COCO's JSON has them: polygons, run lengths, or run lengths as a string.</summary>
public static class CocoMask
{
    /// <summary>The mask as <c>{"size": [height, width], "counts": "..."}</c>.</summary>
    public static string ToJson(RunLengthMask mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        // the string holds characters from 48 to 111, of which the backslash needs escaping
        return FormattableString.Invariant($"{{\"size\": [{mask.Height}, {mask.Width}], \"counts\": \"{mask.ToCompressed().Replace("\\", "\\\\", StringComparison.Ordinal)}\"}}");
    }

    /// <summary>Reads a segmentation.</summary>
    /// <param name="json">A list of polygons, or an object with size and counts.</param>
    /// <param name="width">Pixels across, which polygons do not state.</param>
    /// <param name="height">Pixels down.</param>
    /// <param name="where">For messages.</param>
    /// <exception cref="SightlineException">BadData: no such thing, or of another size.</exception>
    public static RunLengthMask Read(string json, int width, int height, string where)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var mask = Read(document.RootElement, width, height);
            if (mask.Width == width && mask.Height == height) return mask;
            throw new SightlineException(ErrorKind.BadData, $"{where}: the mask is {mask.Width} x {mask.Height} and the picture {width} x {height}");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException or ArgumentException or IndexOutOfRangeException)
        {
            throw new SightlineException(ErrorKind.BadData, $"{where}: the mask is neither polygons nor run lengths as COCO has them", e);
        }
    }

    /// <summary>The ones of a mask that another has not.</summary>
    public static RunLengthMask Without(RunLengthMask mask, RunLengthMask other)
    {
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentNullException.ThrowIfNull(other);
        return mask.Intersect(Inverse(other));
    }

    /// <summary>Zeros and ones exchanged: the same runs, shifted by one.</summary>
    private static RunLengthMask Inverse(RunLengthMask mask) =>
        RunLengthMask.FromCounts(mask.Height, mask.Width, mask.Counts is [0, .. var rest] ? rest : (ReadOnlySpan<uint>)[0, .. mask.Counts]);

    private static RunLengthMask Read(JsonElement value, int width, int height)
    {
        if (value.ValueKind == JsonValueKind.Array)
            return RunLengthMask.FromPolygons([.. value.EnumerateArray().Select(polygon => polygon.EnumerateArray().Select(number => number.GetDouble()).ToArray())], height, width);
        var (rows, columns) = (value.GetProperty("size")[0].GetInt32(), value.GetProperty("size")[1].GetInt32());
        var counts = value.GetProperty("counts");
        return counts.ValueKind == JsonValueKind.String
            ? RunLengthMask.FromCompressed(rows, columns, counts.GetString()!)
            : RunLengthMask.FromCounts(rows, columns, [.. counts.EnumerateArray().Select(number => number.GetUInt32())]);
    }
}
