using System.Diagnostics;
using System.Globalization;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;

namespace Sightline.Cli.Output;

/// <summary>One measured row.</summary>
/// <param name="What">What was done.</param>
/// <param name="PerSecond">How often a second, in the best round and over all.</param>
/// <param name="Ratio">Against what the benchmark compares with; null where there is nothing.</param>
internal sealed record BenchmarkRow(string What, (double Best, double Mean) PerSecond, double? Ratio = null);

/// <summary>Times things in rounds, and writes what came out for people and for scripts.</summary>
internal static class BenchmarkReport
{
    private const int Rounds = 5;

    /// <summary>Rounds of at least a time each, after a first one that does not count. The best round says what the machine can, the mean what it gave.</summary>
    /// <param name="action">Done once a call; the argument counts up.</param>
    /// <param name="seconds">Of a round.</param>
    /// <param name="cancellation">Stops between two calls.</param>
    public static (double Best, double Mean) Rate(Action<int> action, double seconds, CancellationToken cancellation)
    {
        var (best, count, time) = (0.0, 0, 0.0);
        var number = 0;
        for (var round = -1; round < Rounds; round++)
        {
            var from = Stopwatch.GetTimestamp();
            var done = 0;
            double passed;
            do
            {
                cancellation.ThrowIfCancellationRequested();
                action(number++);
                done++;
                passed = Stopwatch.GetElapsedTime(from).TotalSeconds;
            }
            while (passed < seconds);
            if (round < 0) continue;
            best = Math.Max(best, done / passed);
            (count, time) = (count + done, time + passed);
        }

        return (best, count / time);
    }

    /// <summary>The table, with the ratio as the last column where a title for it is given.</summary>
    public static void Write(Terminal terminal, string title, IReadOnlyList<BenchmarkRow> rows, string? ratio = null)
    {
        terminal.Table(
            ratio is null ? [title, ">a second", ">on average"] : [title, ">a second", ">on average", $">{ratio}"],
            rows.Select(row => ratio is null
                ? new[] { row.What, Number(row.PerSecond.Best), Number(row.PerSecond.Mean) }
                : [row.What, Number(row.PerSecond.Best), Number(row.PerSecond.Mean), row.Ratio is { } value ? Number(value) : ""]));
    }

    /// <summary>Rows as a member of an open object.</summary>
    public static void WriteJson(System.Text.Json.Utf8JsonWriter json, string name, IReadOnlyList<BenchmarkRow> rows)
    {
        json.WriteStartArray(name);
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("what", row.What);
            json.WriteNumber("per_second", Math.Round(row.PerSecond.Best, 3));
            json.WriteNumber("per_second_mean", Math.Round(row.PerSecond.Mean, 3));
            if (row.Ratio is { } ratio) json.WriteNumber("ratio", Math.Round(ratio, 3));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>What every benchmark ends with: threads, memory, machine.</summary>
    public static void WriteMachine(Terminal terminal)
    {
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"native memory in use at most: {NativePool.Shared.PeakBytes / 1e6:0} MB; process: {Environment.WorkingSet / 1e6:0} MB"));
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{ThreadTeam.Shared.Threads} thread(s) on {Machine.Describe()}"));
    }

    /// <summary>As <see cref="WriteMachine(Terminal)"/>, as members of an open object.</summary>
    public static void WriteMachine(System.Text.Json.Utf8JsonWriter json, Terminal terminal)
    {
        json.WriteNumber("native_bytes", NativePool.Shared.PeakBytes);
        json.WriteNumber("process_bytes", Environment.WorkingSet);
        json.WriteNumber("threads", ThreadTeam.Shared.Threads);
        Provenance.Of(terminal, 0).WriteJson(json);
    }

    private static string Number(double value) => value.ToString(value < 100 ? "0.0" : "N0", CultureInfo.InvariantCulture);
}
