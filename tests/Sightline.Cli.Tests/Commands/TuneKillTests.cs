using System.Diagnostics;
using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>
/// A tuning run that is killed at chosen points within sampling, scoring, backward passes, updates and the writing of files, through the real command line. It goes on
/// each time and ends with the bits of an undisturbed one. The same for Ctrl-C.
/// </summary>
[Collection(Alone.Name)]
public sealed class TuneKillTests : IDisposable
{
    // a step: 2 backward passes and 1 update in the first stage; 6 answers of two problems, 2 updates of 2 backward passes each in the second
    private static readonly string[] s_settings =
    [
        "--set", "stages[0].batch=1", "--set", "stages[1].maximum_completion=24", "--set", "stages[1].updates=2", "--set", "stages[1].average_decay=0.9", "--quiet",
    ];

    private readonly TinyTuning _tuning = new();

    public void Dispose() => _tuning.Dispose();

    /// <summary>Each point is that of a process which goes on where the one before was killed; beside it the newest checkpoint that is there then.</summary>
    [Theory]
    [InlineData("", "Sampled:7", "stage00-step0000001", "Sampled:150", "stage01-step0000001", "Scored:2", "stage01-step0000001", "Scored:11", "stage01-step0000002")]
    [InlineData("", "Backward:1", "", "Backward:3", "stage00-step0000001", "Updated:2", "stage00-step0000001", "Backward:5", "stage00-step0000001", "Backward:9", "stage01-step0000001", "Updated:1", "stage01-step0000001")]
    [InlineData(
        "", "Written:1", "", "Written:1:stage00", "", "Moved:1:stage00", "stage00-step0000001", "Written:1:stage01", "stage00-step0000001", "Moved:1:stage01", "stage01-step0000001", "Moved:1:stage01", "stage01-step0000002",
        "Moved:1:stage01", "stage01-step0000003", "Written:1:adapter_model", "stage01-step0000003", "Moved:1:adapter_model", "stage01-step0000003", "Written:1:rollouts.html", "stage01-step0000003")]
    [InlineData("model.adapters=null", "Backward:6", "stage00-step0000001", "Moved:1:stage01", "stage01-step0000001", "Moved:1:model.safetensors", "stage01-step0000003")]
    public async Task A_run_that_is_killed_anywhere_ends_with_the_same_bits(string setting, params string[] pointsAndCheckpoints)
    {
        string[] more = setting.Length == 0 ? [] : ["--set", setting, "--set", "stages[0].learning_rate=1e-3", "--set", "stages[1].learning_rate=1e-3"];
        foreach (var pair in pointsAndCheckpoints.Chunk(2))
        {
            var (point, checkpoint) = (pair[0], pair[1]);
            var killed = await ToolProcess.Run(point, Train("run", more));
            Assert.True(killed.ExitCode == ToolProcess.Killed, $"{point}: exit code {killed.ExitCode}\n{killed.Error}");
            Assert.Equal(checkpoint, Checkpoints("run").Select(Path.GetFileNameWithoutExtension).LastOrDefault(""));
            Assert.Equal(point.StartsWith("Written", StringComparison.Ordinal) ? 1 : 0, Unfinished("run").Length);
        }

        foreach (var run in new[] { "run", "whole" })
        {
            var done = await ToolProcess.Run(null, Train(run, more));
            Assert.True(done.ExitCode == 0, done.Error);
        }

        await RequireSame();
    }

    [Fact]
    public async Task Ctrl_C_saves_and_the_same_command_goes_on_to_the_same_bits()
    {
        if (OperatingSystem.IsWindows()) return; // no signal can be sent to one process there
        string[] longer = ["--set", "stages[1].steps=12"];
        using (var process = ToolProcess.Start(null, Train("run", longer)))
        {
            var ended = ToolProcess.End(process);
            while (!ended.IsCompleted && !Checkpoints("run").Any(file => file.Contains("stage01", StringComparison.Ordinal))) await Task.Delay(5, TestContext.Current.CancellationToken);
            using (var kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(ExitCode.Interrupted, (await ended).ExitCode);
        }

        Assert.True(File.Exists(_tuning.At("run", "rollouts.html")));
        foreach (var run in new[] { "run", "whole" }) Assert.Equal(0, (await ToolProcess.Run(null, Train(run, longer))).ExitCode);
        await RequireSame();
    }

    private string[] Train(string run, string[] more) => ["train", _tuning.Path, "--output", _tuning.At(run), .. s_settings, .. more];

    /// <summary>Model, last checkpoints (weights, moments, averages, reference), figures and answers of the run are those of the whole one; nothing half-written is left.</summary>
    private async Task RequireSame()
    {
        foreach (var folder in new[] { "model", "checkpoints" })
        {
            var files = Directory.GetFiles(_tuning.At("whole", folder)).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
            Assert.NotEmpty(files);
            Assert.Equal(files, Directory.GetFiles(_tuning.At("run", folder)).Select(Path.GetFileName).Order(StringComparer.Ordinal));
            foreach (var file in files)
            {
                var (whole, resumed) = (await Bytes("whole", folder, file!), await Bytes("run", folder, file!));
                Assert.True(whole.AsSpan().SequenceEqual(resumed), $"{folder}/{file} differs");
            }
        }

        Assert.Equal(Curve("whole"), Curve("run"));
        Assert.Equal(await Bytes("whole", "rollouts.jsonl"), await Bytes("run", "rollouts.jsonl"));
        Assert.Empty(Unfinished("run"));
    }

    private Task<byte[]> Bytes(params string[] path) => File.ReadAllBytesAsync(_tuning.At(path), TestContext.Current.CancellationToken);

    private string[] Checkpoints(string run) => Directory.Exists(_tuning.At(run, "checkpoints")) ? [.. Directory.GetFiles(_tuning.At(run, "checkpoints"), "*.safetensors").Order(StringComparer.Ordinal)] : [];

    private string[] Unfinished(string run) => Directory.GetFiles(_tuning.At(run), "*.tmp", SearchOption.AllDirectories);

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
