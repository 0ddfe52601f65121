using System.Globalization;
using System.Text;
using System.Text.Json;
using Sightline.Training.Data;
using Sightline.Training.Reinforcement;
using Sightline.Training.Runs;

namespace Sightline.Training.Reporting;

/// <summary>
/// Sampled answers with their scores, for looking at: <c>rollouts.jsonl</c> in a run folder, a line a group. As in <see cref="TrainingLog"/>, a resumed run drops what
/// comes after its checkpoint, so every group stands once.
/// </summary>
internal sealed class RolloutLog : IDisposable
{
    /// <summary>Its name in a run folder.</summary>
    public const string FileName = "rollouts.jsonl";

    private readonly string _path;
    private RecordStream _stream;

    /// <summary>Opens or starts the log of a run folder.</summary>
    /// <param name="folder">The run folder.</param>
    /// <param name="from">Where the run goes on; null for a fresh one.</param>
    public RolloutLog(string folder, RunCheckpoint? from)
    {
        _path = Path.Combine(folder, FileName);
        _stream = Open(from);
    }

    /// <summary>Groups of a step as lines.</summary>
    public static byte[] Lines(int stage, int step, IReadOnlyList<string> rewards, IReadOnlyList<RolloutGroup> groups)
    {
        using var lines = new MemoryStream();
        foreach (var group in groups)
        {
            using (var json = new Utf8JsonWriter(lines, JsonEntry.Plain)) Write(json, stage, step, rewards, group);
            lines.WriteByte((byte)'\n');
        }

        return lines.ToArray();
    }

    /// <summary>Adds what <see cref="Lines"/> made.</summary>
    public void Add(ReadOnlySpan<byte> lines)
    {
        _stream.Write(lines);
        _stream.Flush();
    }

    /// <summary>Drops what was added after a checkpoint.</summary>
    public void Rewind(RunCheckpoint from)
    {
        _stream.Dispose();
        _stream = Open(from);
    }

    public void Dispose() => _stream.Dispose();

    private RecordStream Open(RunCheckpoint? from)
    {
        var kept = new StringBuilder();
        if (from is not null && File.Exists(_path))
        {
            foreach (var line in File.ReadLines(_path))
            {
                if (!IsBefore(line, from)) break;
                kept.Append(line).Append('\n');
            }
        }

        AtomicFile.WriteText(_path, kept.ToString());
        return new RecordStream(_path, FileMode.Append);
    }

    private static bool IsBefore(string line, RunCheckpoint from)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var (stage, step) = (json.RootElement.GetProperty("stage").GetInt32(), json.RootElement.GetProperty("step").GetInt32());
            return stage < from.Stage || (stage == from.Stage && step <= from.Step);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return false; // a last line that a crash cut off
        }
    }

    private static void Write(Utf8JsonWriter json, int stage, int step, IReadOnlyList<string> rewards, RolloutGroup group)
    {
        var problem = group.Problem;
        json.WriteStartObject();
        json.WriteNumber("stage", stage);
        json.WriteNumber("step", step);
        json.WriteString("source", problem.Source);
        json.WriteString("id", problem.Problem.Id);
        json.WriteString("prompt", problem.Problem.Prompt);
        if (!problem.Frame.IsUnspecified)
        {
            json.WriteStartArray("frame");
            json.WriteNumberValue(problem.Frame.Width);
            json.WriteNumberValue(problem.Frame.Height);
            json.WriteEndArray();
        }

        json.WriteString("solution", AnswerScorer.Truth(problem));
        json.WriteStartArray("answers");
        foreach (var answer in group.Answers)
        {
            json.WriteStartObject();
            json.WriteString("text", answer.Text);
            json.WriteNumber("tokens", answer.Ids.Length);
            if (answer.IsCut) json.WriteBoolean("cut", true);
            json.WriteNumber("reward", Rounded(answer.Reward));
            json.WriteNumber("advantage", Rounded(answer.Advantage));
            json.WriteStartObject("scores");
            for (var r = 0; r < rewards.Count; r++)
            {
                if (double.IsFinite(answer.Scores[r])) json.WriteNumber(rewards[r], Rounded(answer.Scores[r]));
                else json.WriteNull(rewards[r]);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static double Rounded(double value) => double.Parse(value.ToString("G9", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
