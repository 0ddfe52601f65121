using System.Globalization;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>Tuning of a language model and evaluations in several processes, through the real command line.</summary>
[Collection(Alone.Name)]
public sealed class RankedTuneTests : IDisposable
{
    private const double Tolerance = 1e-4; // sums of float32 in another order, over some steps

    private readonly TinyTuning _tuning = new();

    public void Dispose() => _tuning.Dispose();

    [Fact]
    public async Task Tuning_in_several_processes_is_that_in_one()
    {
        string[] steps =
        [
            "--set", "stages[0].prompts=4", "--set", "stages[1].prompts=4", "--set", "stages[1].idle=Resample", "--set", "stages[1].redraws=2", "--set", "stages[1].scale=Batch", "--set", "stages[1].updates=2",
            "--set", "stages[1].average_decay=0.9", "--set", "validation[0].count=3", "--set", "stages[1].validate_every=2", "--set", "stages[0].learning_rate=1e-3", "--set", "stages[1].learning_rate=1e-3", "--quiet",
        ];
        var one = await CommandLineRun.Of(Train("one", steps));
        Assert.Equal((0, ""), (one.ExitCode, one.Error));
        foreach (var ranks in new[] { 2, 4 })
        {
            var run = ranks.ToString(CultureInfo.InvariantCulture);
            var several = await RankedRun.Of(ranks, Train(run, steps));
            Assert.True(several.ExitCode == 0, several.Error);
            RunCurve.RequireSame(_tuning.At("one"), _tuning.At(run), Tolerance);
            Assert.Equal(Answers("one"), Answers(run));
        }

        Assert.Equal(0, (await RankedRun.Of(2, Train("again", steps))).ExitCode);
        Assert.Equal(await File.ReadAllBytesAsync(TinyTuning.Adapters(_tuning.At("2")), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(TinyTuning.Adapters(_tuning.At("again")), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Tripwires_trip_in_all_processes_and_are_said_once()
    {
        var run = await RankedRun.Of(2, Train("run", ["--set", "stages[1].tripwires.entropy=100", "--set", "stages[1].tripwires.rollbacks=1", "--quiet"]));
        Assert.Equal((int)ErrorKind.RunStopped, run.ExitCode);
        Assert.Contains("after going back 1 times", Assert.Single(run.Error.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluations_in_several_processes_give_the_figures_of_one()
    {
        using var tiny = new TinyModel();
        using var sets = new TinySets();
        string[][] commands =
        [
            ["detection", "-m", tiny.Model, "-d", sets.Cells(), "--bootstrap", "20"],
            ["referring", "-m", tiny.Model, "-d", sets.Cells(), "--expressions", "3", "--bootstrap", "20"],
            ["detection", "-m", Fixtures.Path("models", "tiny-qwen2-vl"), "-d", sets.Cells(), "--max-tokens", "8"],
            ["reasoning", "-m", Fixtures.Path("models", "tiny-qwen2-vl"), "-d", sets.Lisa(), "--protocol", "both", "--max-tokens", "8", "--temperature", "1", "--runs", "2", "--bootstrap", "20"],
            ["classification", "-m", Fixtures.Path("models", "tiny-qwen2-vl"), "-d", sets.Folders(), "--value", "subject=a plant", "--value", "property=species of the plant", "--protocol", "both", "--max-tokens", "8", "--temperature", "1", "--runs", "2", "--bootstrap", "20"],
        ];
        foreach (var command in commands)
        {
            var one = await CommandLineRun.Of(["evaluate", .. command, "--json", sets.At("one.json")]);
            Assert.Equal((0, $"wrote {sets.At("one.json")}\n"), (one.ExitCode, one.Error));
            var two = await RankedRun.Of(2, ["evaluate", .. command, "--json", sets.At("two.json")]);
            Assert.True(two.ExitCode == 0, two.Error);
            // the command says where it writes
            Assert.Equal(await File.ReadAllTextAsync(sets.At("one.json"), TestContext.Current.CancellationToken), (await File.ReadAllTextAsync(sets.At("two.json"), TestContext.Current.CancellationToken)).Replace(sets.At("two.json"), sets.At("one.json"), StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task What_one_process_meets_alone_ends_all_and_is_said_once()
    {
        using var tiny = new TinyModel();
        using var sets = new TinySets();
        var cells = sets.Cells();
        await File.WriteAllTextAsync(sets.At("b.png"), "no picture", TestContext.Current.CancellationToken); // the second picture is the second process's
        var run = await RankedRun.Of(2, "evaluate", "detection", "-m", tiny.Model, "-d", cells, "--json", sets.At("two.json"));
        Assert.Equal((int)ErrorKind.BadPicture, run.ExitCode);
        var sentence = Assert.Single(run.Error.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal));
        Assert.Contains("b.png", sentence, StringComparison.Ordinal);
        Assert.EndsWith("(process 1 of 2)", sentence, StringComparison.Ordinal);
        Assert.False(File.Exists(sets.At("two.json")));
    }

    /// <summary>While it loads, and while it answers: the other process waits for its answers.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(2000)]
    public async Task A_signal_to_one_process_ends_all(int milliseconds)
    {
        using var sets = new TinySets();
        using var run = RankedRun.Start(2, "evaluate", "detection", "-m", Fixtures.Path("models", "tiny-qwen2-vl"), "-d", sets.Cells(), "--runs", "200", "--temperature", "1");
        while (!run.Process.HasExited && (run.Ranks.Length < 2 || !run.Ranks.All(TakesSignals))) await Task.Delay(5, TestContext.Current.CancellationToken);
        await Task.Delay(milliseconds, TestContext.Current.CancellationToken);
        await run.Signal("USR1", run.Ranks[1]);
        var end = await run.End();
        Assert.Equal(ExitCode.Interrupted, end.ExitCode);
        Assert.DoesNotContain("error: ", end.Error, StringComparison.Ordinal);

        // bit 9 of the signals that are caught: SIGUSR1
        static bool TakesSignals(int process) =>
            File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("SigCgt:", StringComparison.Ordinal)) is var line && (ulong.Parse(line[7..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0x200) != 0;
    }

    private string[] Train(string run, string[] more) => ["train", _tuning.Path, "--output", _tuning.At(run), .. more];

    /// <summary>The answers that were kept, without their figures.</summary>
    private string[] Answers(string run) => [.. File.ReadLines(_tuning.At(run, "rollouts.jsonl")).SelectMany(line =>
    {
        using var json = System.Text.Json.JsonDocument.Parse(line);
        return json.RootElement.GetProperty("answers").EnumerateArray().Select(answer => answer.GetProperty("text").GetString()!).ToArray();
    })];
}
