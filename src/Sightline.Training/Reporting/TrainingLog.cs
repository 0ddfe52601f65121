using System.Globalization;
using System.Text;
using System.Text.Json;
using Sightline.Training.Runs;

namespace Sightline.Training.Reporting;

/// <summary>
/// The figures of a run as JSON lines in <c>metrics.jsonl</c>: one line a step and one a measurement. A resumed run goes on in the same file;
/// lines past the checkpoint it resumed from are dropped, so every step stands once.
/// </summary>
public sealed class TrainingLog : IDisposable
{
    private readonly RecordStream _stream;

    /// <summary>Opens or starts the log of a run folder.</summary>
    /// <param name="folder">The run folder.</param>
    /// <param name="from">Where the run goes on; null for a fresh one.</param>
    /// <exception cref="SightlineException">CannotWrite, here and in <see cref="Add"/> and <see cref="Flush"/>: a full disk, no rights.</exception>
    public TrainingLog(string folder, RunCheckpoint? from)
    {
        Path = System.IO.Path.Combine(folder, "metrics.jsonl");
        var kept = File.Exists(Path) && from is not null ? Read(Path).Where(line => IsBefore(line, from)) : [];
        var text = string.Concat(kept.Select(Text));
        AtomicFile.WriteText(Path, text);
        _stream = new RecordStream(Path, FileMode.Append);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Adds a line; <see cref="Flush"/> makes it visible to readers.</summary>
    public void Add(LogLine line) => _stream.Write(Encoding.UTF8.GetBytes(Text(line)));

    /// <summary>Makes what was added visible to readers.</summary>
    public void Flush() => _stream.Flush();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    /// <summary>Reads a log; a last line that a crash cut off is left out.</summary>
    public static IReadOnlyList<LogLine> Read(string path)
    {
        var lines = new List<LogLine>();
        foreach (var text in File.ReadLines(path))
        {
            try
            {
                using var json = JsonDocument.Parse(text);
                var values = new Dictionary<string, double>(StringComparer.Ordinal);
                foreach (var property in json.RootElement.GetProperty("values").EnumerateObject())
                    values[property.Name] = property.Value.ValueKind == JsonValueKind.Number ? property.Value.GetDouble() : double.NaN;
                lines.Add(new LogLine(json.RootElement.GetProperty("stage").GetInt32(), json.RootElement.GetProperty("step").GetInt32(), json.RootElement.GetProperty("group").GetString()!, values));
            }
            catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
            {
                break;
            }
        }

        return lines;
    }

    /// <summary>A measurement at the very step of the checkpoint counts when the checkpoint knows of it.</summary>
    private static bool IsBefore(LogLine line, RunCheckpoint from)
    {
        if (line.Stage != from.Stage) return line.Stage < from.Stage;
        return line.Step < from.Step || (line.Step == from.Step && (line.Group == "train" || from.MeasuredStep == from.Step));
    }

    private static string Text(LogLine line)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{{\"stage\":{line.Stage},\"step\":{line.Step},\"group\":{JsonSerializer.Serialize(line.Group, LogJson.Default.String)},\"values\":{{");
        var first = true;
        foreach (var (name, value) in line.Values)
        {
            if (!first) text.Append(',');
            first = false;
            text.Append(JsonSerializer.Serialize(name, LogJson.Default.String)).Append(':').Append(double.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture) : "null");
        }

        return text.Append("}}\n").ToString();
    }
}

/// <summary>Figures at one step.</summary>
/// <param name="Stage">Index of the stage.</param>
/// <param name="Step">Steps done in it.</param>
/// <param name="Group"><c>train</c>, or the name of a validation source.</param>
/// <param name="Values">By name; undefined ones are NaN.</param>
public sealed record LogLine(int Stage, int Step, string Group, IReadOnlyDictionary<string, double> Values)
{
    /// <summary>The figures of a measurement.</summary>
    public static LogLine From(int stage, int step, IMeasurement score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return new LogLine(stage, step, score.Source, score.Values);
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
internal sealed partial class LogJson : System.Text.Json.Serialization.JsonSerializerContext;
