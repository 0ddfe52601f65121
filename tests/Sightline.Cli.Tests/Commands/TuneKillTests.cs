using System.Diagnostics;
using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>
/// A tuning run that is killed again and again, through the real command line: while it samples, scores, learns and saves. It goes on each time and ends with the bits of
/// an undisturbed one. The same for Ctrl-C.
/// </summary>
[Collection(Alone.Name)]
public sealed class TuneKillTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    // calls of the reward and milliseconds after it: within scoring, and some moments later, when it learns, saves or samples again
    private static readonly string[] Moments = ["2:0", "5:0", "1:3", "6:2", "6:8", "6:20", "12:5", "12:40"];
    private static readonly string[] Settings = ["--set", "stages[1].steps=5", "--set", "stages[1].maximum_completion=24", "--set", "stages[1].updates=2", "--quiet"];
    private readonly TinyTuning _tuning = new();

    public void Dispose() => _tuning.Dispose();

    [Fact]
    public async Task A_run_that_is_killed_anywhere_ends_with_the_same_bits()
    {
        Assert.Equal(0, await Run("whole", null));
        var (killed, whileSaving, run) = (0, 0, 0);
        foreach (var moment in Moments)
        {
            // a run that is complete is followed by a fresh one
            if (await Run($"run{run}", moment) == 0) run++;
            else killed++;
        }

        for (var save = 1; save <= 3; save++)
        {
            if (await KillWhileSaving($"run{run}", save) is not { } left) run++;
            else if (left) whileSaving++;
        }

        Assert.True(killed >= Moments.Length - 2, $"only {killed} of {Moments.Length} kills hit a living process");
        for (var r = 0; r <= run; r++)
        {
            Assert.Equal(0, await Run($"run{r}", null));
            Assert.Equal(await File.ReadAllBytesAsync(TinyTuning.Adapters(_tuning.At("whole")), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(TinyTuning.Adapters(_tuning.At($"run{r}")), TestContext.Current.CancellationToken));
            Assert.Equal(Curve("whole"), Curve($"run{r}"));
            Assert.Equal(await File.ReadAllTextAsync(_tuning.At("whole", "rollouts.jsonl"), TestContext.Current.CancellationToken), await File.ReadAllTextAsync(_tuning.At($"run{r}", "rollouts.jsonl"), TestContext.Current.CancellationToken));
            Assert.Empty(Directory.GetFiles(_tuning.At($"run{r}"), "*.tmp", SearchOption.AllDirectories));
        }

        Assert.True(whileSaving > 0, "no kill fell into the writing of a file");
    }

    [Fact]
    public async Task Ctrl_C_saves_and_the_same_command_goes_on_to_the_same_bits()
    {
        if (OperatingSystem.IsWindows()) return; // no signal can be sent to one process there
        string[] longer = ["--set", "stages[1].steps=12"];
        using (var process = Start("run", null, longer))
        {
            var clock = Stopwatch.StartNew();
            while (!process.HasExited && !Directory.EnumerateFiles(_tuning.At(), "stage01-*.safetensors", SearchOption.AllDirectories).Any() && clock.Elapsed < Limit) await Task.Delay(5, TestContext.Current.CancellationToken);
            using (var kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken);
            Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        }

        Assert.True(File.Exists(_tuning.At("run", "rollouts.html")));
        foreach (var run in new[] { "run", "whole" }) Assert.Equal(0, await Run(run, null, longer));
        Assert.Equal(await File.ReadAllBytesAsync(TinyTuning.Adapters(_tuning.At("whole")), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(TinyTuning.Adapters(_tuning.At("run")), TestContext.Current.CancellationToken));
    }

    /// <summary>Null when the run was complete before it could be killed; else whether a half-written file was left.</summary>
    private async Task<bool?> KillWhileSaving(string run, int number)
    {
        var checkpoints = Directory.CreateDirectory(_tuning.At(run, "checkpoints")).FullName;
        foreach (var left in Directory.GetFiles(_tuning.At(run), "*.tmp", SearchOption.AllDirectories)) File.Delete(left);
        using var saving = new FileSystemWatcher(checkpoints, "*.tmp");
        var saves = new SemaphoreSlim(0);
        saving.Created += (_, _) => saves.Release();
        saving.EnableRaisingEvents = true;
        using var process = Start(run, null);
        var ended = process.WaitForExitAsync(TestContext.Current.CancellationToken);
        for (; number > 0; number--)
        {
            if (await Task.WhenAny(ended, saves.WaitAsync(TestContext.Current.CancellationToken)) == ended) break;
        }

        var complete = process.HasExited;
        process.Kill(entireProcessTree: true);
        await ended.WaitAsync(Limit, TestContext.Current.CancellationToken);
        return complete ? null : Directory.GetFiles(_tuning.At(run), "*.tmp", SearchOption.AllDirectories).Length > 0;
    }

    private async Task<int> Run(string run, string? kill, params string[] more)
    {
        using var process = Start(run, kill, more);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken);
        return process.ExitCode;
    }

    private Process Start(string run, string? kill, params string[] more)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Sightline.Cli.dll"), "train", _tuning.Path, "--output", _tuning.At(run), .. Settings, .. more]) { RedirectStandardOutput = true };
        if (kill is not null) start.Environment[LettersReward.KillVariable] = kill;
        var process = Process.Start(start)!;
        process.BeginOutputReadLine(); // the figures at the end are nobody's here
        return process;
    }

    /// <summary>Every step and measurement with its figures, but for the times.</summary>
    private List<string> Curve(string run) =>
    [
        .. File.ReadLines(_tuning.At(run, "metrics.jsonl")).Select(line =>
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            var values = root.GetProperty("values").EnumerateObject().Where(value => value.Name != "pictures_per_second" && !value.Name.StartsWith("seconds_", StringComparison.Ordinal)).Select(value => $"{value.Name}={value.Value}");
            return $"{root.GetProperty("stage")} {root.GetProperty("step")} {root.GetProperty("group")} {string.Join(' ', values)}";
        }),
    ];
}
