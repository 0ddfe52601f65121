using System.Diagnostics;
using System.Text.Json;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>
/// kill -9 at twenty random moments, through the real command line: while the process starts, while it trains, while it saves. The run
/// that is started again each time ends with the bits of an undisturbed one.
/// </summary>
[Collection(Alone.Name)]
public sealed class TrainKillTests : IDisposable
{
    private const int Kills = 20;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly string[] Steps = ["--set", "stages[0].steps=20", "--set", "stages[1].steps=40", "--set", "stages[0].save_every=2", "--set", "stages[1].save_every=2"];
    private readonly TinyRecipe _recipe = new();
    private readonly RandomStream _random = new(20);

    public void Dispose() => _recipe.Dispose();

    [Fact]
    public async Task A_run_that_is_killed_anywhere_ends_with_the_same_bits()
    {
        var clock = Stopwatch.StartNew();
        Assert.Equal(0, await RunWhole("whole"));
        var whole = clock.Elapsed;
        var expected = await File.ReadAllBytesAsync(TinyRecipe.Model(_recipe.Run("whole")));
        var curve = Curve("whole");
        int killed = 0, killedWhileSaving = 0;
        for (var round = 0; killed < Kills; round++)
        {
            var run = $"run{round}";
            while (killed < Kills && await RunAndKill(run, killed, whole) is { } left)
            {
                killed++;
                if (left) killedWhileSaving++;
            }

            Assert.Equal(0, await RunWhole(run));
            Assert.Equal(expected, await File.ReadAllBytesAsync(TinyRecipe.Model(_recipe.Run(run))));
            Assert.Equal(curve, Curve(run));
            Assert.Empty(Directory.GetFiles(_recipe.Run(run), "*.tmp", SearchOption.AllDirectories));
            Assert.True(File.Exists(Path.Combine(_recipe.Run(run), "report.html")));
        }

        Assert.True(killedWhileSaving > 0, "no kill fell into the writing of a file");
    }

    /// <summary>Null when the run was complete before it could be killed; else whether a half-written file was left.</summary>
    private async Task<bool?> RunAndKill(string run, int number, TimeSpan whole)
    {
        var folder = _recipe.Run(run);
        var checkpoints = Path.Combine(folder, "checkpoints");
        Directory.CreateDirectory(checkpoints);
        foreach (var left in Directory.GetFiles(folder, "*.tmp", SearchOption.AllDirectories)) File.Delete(left);
        using var saving = new FileSystemWatcher(checkpoints, number % 2 == 0 ? "*.tmp" : "*.safetensors");
        var saves = new SemaphoreSlim(0);
        saving.Created += (_, _) => saves.Release();
        saving.Renamed += (_, _) => saves.Release();
        saving.EnableRaisingEvents = true;
        using var process = Start(run);
        var ended = process.WaitForExitAsync();
        if (number % 4 == 3)
        {
            // anywhere in the life of the process, its start included
            await Task.WhenAny(ended, Task.Delay(whole * _random.NextDouble()));
        }
        else
        {
            // after one to four saves: at once while one is being written, or some moments later
            for (var wanted = 1 + _random.NextInt(4); wanted > 0; wanted--)
            {
                if (await Task.WhenAny(ended, saves.WaitAsync()) == ended) break;
            }

            if (number % 2 == 1) await Task.WhenAny(ended, Task.Delay(_random.NextInt(60)));
        }

        var complete = process.HasExited;
        process.Kill(entireProcessTree: true);
        await ended.WaitAsync(Limit);
        if (complete) Assert.Equal(0, process.ExitCode);
        return complete ? null : Directory.GetFiles(folder, "*.tmp", SearchOption.AllDirectories).Length > 0;
    }

    private async Task<int> RunWhole(string run)
    {
        using var process = Start(run);
        await process.WaitForExitAsync().WaitAsync(Limit);
        return process.ExitCode;
    }

    private Process Start(string run)
    {
        var process = Process.Start(new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "Sightline.Cli.dll"), "train", _recipe.Path, "--output", _recipe.Run(run), "--quiet", .. Steps])
        {
            RedirectStandardOutput = true,
        })!;
        process.BeginOutputReadLine(); // the table of results is nobody's here
        return process;
    }

    /// <summary>Every step and measurement with its figures, but for the speed.</summary>
    private List<string> Curve(string run) =>
    [
        .. File.ReadLines(Path.Combine(_recipe.Run(run), "metrics.jsonl")).Select(line =>
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            var values = root.GetProperty("values").EnumerateObject().Where(value => value.Name != "pictures_per_second").Select(value => $"{value.Name}={value.Value}");
            return $"{root.GetProperty("stage")} {root.GetProperty("step")} {root.GetProperty("group")} {string.Join(' ', values)}";
        }),
    ];
}
