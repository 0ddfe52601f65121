using System.Diagnostics;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>Training in several processes, through the real command line: what it must have in common with a run of one.</summary>
[Collection(Alone.Name)]
public sealed class RankedTrainTests : IDisposable
{
    // sums of float32 in another order, over some steps; one process and two were 5e-7 apart in the worst figure
    private const double Tolerance = 1e-4;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    // a rank cannot draw the dropout of a part of a micro-batch as one process draws that of the whole
    private static readonly string[] Parts =
    [
        "--set", "model.config.dropout=0", "--set", "stages[0].steps=3", "--set", "stages[1].steps=3", "--set", "stages[0].batch=4", "--set", "stages[1].batch=5", "--set", "stages[1].accumulate=1",
        "--set", "stages[1].validate_every=2", "--quiet",
    ];

    private readonly TinyRecipe _recipe = new();

    public void Dispose() => _recipe.Dispose();

    [Fact]
    public async Task Parts_of_a_batch_train_as_the_whole_does_and_give_the_same_bits_again()
    {
        await InOne("one", Parts);
        await InSeveral(2, "two", Parts);
        await InSeveral(2, "again", Parts);
        await InSeveral(4, "four", Parts);
        RequireSameCurve("one", "two");
        RequireSameCurve("one", "four");
        Assert.Equal(await File.ReadAllBytesAsync(TinyRecipe.Model(_recipe.Run("two")), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(TinyRecipe.Model(_recipe.Run("again")), TestContext.Current.CancellationToken));
        foreach (var file in new[] { "model/config.json", "model/vocab.txt", "model/README.md", "report.html", "recipe.json" }) Assert.True(File.Exists(Path.Combine(_recipe.Run("two"), file)), file);
        Assert.Single(Directory.GetFiles(Path.Combine(_recipe.Run("two"), "events")));
    }

    [Fact]
    public async Task Whole_micro_batches_train_as_in_one_process_with_their_dropout()
    {
        string[] steps = ["--set", "stages[0].steps=2", "--set", "stages[1].steps=2", "--set", "stages[0].accumulate=2", "--set", "validation=[]", "--quiet"];
        await InOne("one", steps);
        await InSeveral(2, "two", steps);
        RequireSameCurve("one", "two");
    }

    [Fact]
    public async Task A_rank_that_dies_ends_the_run_and_other_numbers_of_ranks_go_on()
    {
        string[] steps = [.. Parts, "--set", "stages[0].steps=30", "--set", "stages[1].steps=30", "--set", "stages[0].save_every=2", "--set", "stages[1].save_every=2"];
        await InOne("one", steps);
        using (var dying = RankedRun.Start(2, Train("run", steps)))
        {
            await Saved("stage00-*", dying.Process);
            await dying.Signal("KILL", dying.Ranks[1]);
            Assert.Equal(137, (await dying.End()).ExitCode); // 128 + SIGKILL, from mpirun
        }

        using (var killed = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Sightline.Cli.dll"), .. Train("run", steps)]) { RedirectStandardOutput = true })!)
        {
            await Saved("stage01-*", killed);
            killed.Kill();
            await killed.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await InSeveral(4, "run", steps);
        RequireSameCurve("one", "run");
        Assert.Empty(Directory.GetFiles(_recipe.Run("run"), "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_polite_signal_saves_once_and_the_same_command_goes_on()
    {
        string[] steps = [.. Parts, "--set", "stages[0].steps=60", "--set", "stages[0].save_every=2"];
        using (var stopped = RankedRun.Start(2, Train("run", steps)))
        {
            await Saved("stage00-*", stopped.Process);
            await stopped.Signal("USR1", stopped.Process.Id);
            var end = await stopped.End();
            Assert.Equal(ExitCode.Interrupted, end.ExitCode);
            Assert.Contains($"stopped; saved in {_recipe.Run()}. The same command goes on from there: sightline train ", end.Error, StringComparison.Ordinal);
        }

        await InSeveral(2, "run", steps);
        await InSeveral(2, "whole", steps);
        Assert.Equal(await File.ReadAllBytesAsync(TinyRecipe.Model(_recipe.Run("whole")), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(TinyRecipe.Model(_recipe.Run()), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(7, "'stages[0].stepps' is not a key of recipes", "--set", "stages[0].stepps=1")]
    [InlineData(7, "stage 1: a step has 1 pictures (batch x accumulate), and there are 2 processes: start fewer or raise it", "--set", "stages[0].batch=1")]
    [InlineData(2, "--plan-only and --preflight look at one process", "--plan-only")]
    public async Task What_is_wrong_everywhere_is_said_once(int code, string sentence, params string[] arguments)
    {
        var run = await RankedRun.Of(2, Train("run", arguments));
        Assert.Equal(code, run.ExitCode);
        Assert.Contains(sentence, Assert.Single(run.Error.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commands_with_nothing_to_divide_are_refused()
    {
        var run = await RankedRun.Of(2, "presets");
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains("works in one process: start it without mpirun", run.Error, StringComparison.Ordinal);
    }

    private string[] Train(string run, string[] more) => ["train", _recipe.Path, "--output", _recipe.Run(run), .. more];

    private async Task InOne(string run, string[] more)
    {
        var done = await CommandLineRun.Of(Train(run, more));
        Assert.Equal((0, ""), (done.ExitCode, done.Error));
    }

    private async Task InSeveral(int ranks, string run, string[] more)
    {
        var done = await RankedRun.Of(ranks, Train(run, more));
        Assert.True(done.ExitCode == 0, done.Error);
    }

    private async Task Saved(string files, Process process)
    {
        var clock = Stopwatch.StartNew();
        while (!process.HasExited && clock.Elapsed < Limit)
        {
            if (Directory.Exists(_recipe.Run()) && Directory.EnumerateFiles(_recipe.Run(), files + ".safetensors", SearchOption.AllDirectories).Any()) return;
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        Assert.Fail("the run saved nothing");
    }

    private void RequireSameCurve(string expected, string actual) => RunCurve.RequireSame(_recipe.Run(expected), _recipe.Run(actual), Tolerance);
}
