using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>Processes of one run that were given different things, or are stopped one by one.</summary>
[Collection(Alone.Name)]
public sealed class RankedDifferencesTests : IDisposable
{
    private readonly TinyModel _tiny = new();
    private readonly TinySets _sets = new();
    private readonly TinyRecipe _recipe = new();

    public void Dispose()
    {
        _tiny.Dispose();
        _sets.Dispose();
        _recipe.Dispose();
    }

    /// <summary>Two thirds of the set would take minutes; the process that was not signalled gives up its own between two pictures.</summary>
    [Fact]
    public async Task A_signal_to_one_process_does_not_wait_for_the_share_of_another()
    {
        const int Pictures = 4000;
        var photos = _sets.At("photos");
        Directory.CreateDirectory(photos);
        for (var i = 0; i < Pictures; i++) File.Copy(_tiny.Photo, Path.Combine(photos, $"{i}.png"));
        using var run = RankedRun.Start(2, "data", "label", photos, _sets.At("found.jsonl"), "-m", _tiny.Model, "--class", "cell");
        var partial = _sets.At("found.jsonl.partial");
        while (!run.Process.HasExited && Lines(partial) < 4) await Task.Delay(5, TestContext.Current.CancellationToken);
        await run.Signal("TERM", run.Ranks[1]);
        var end = await run.End();
        Assert.Equal(ExitCode.Interrupted, end.ExitCode);
        Assert.Contains("the same command goes on from there", end.Error, StringComparison.Ordinal);
        Assert.InRange(Lines(partial), 4, Pictures / 3); // process 0 alone has half of them
    }

    [Fact]
    public async Task Two_labellings_of_one_output_do_not_run_at_once()
    {
        var photos = _sets.At("photos");
        Directory.CreateDirectory(photos);
        File.Copy(_tiny.Photo, Path.Combine(photos, "a.png"));
        var partial = _sets.At("found.jsonl.partial");
        Directory.CreateDirectory(partial);
        using var held = new FileStream(Path.Combine(partial, ".lock"), FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        var run = await CommandLineRun.Of(["data", "label", photos, _sets.At("found.jsonl"), "-m", _tiny.Model, "--class", "cell"]);
        Assert.Equal((int)ErrorKind.CannotWrite, run.ExitCode);
        Assert.Equal($"error: {partial}: another process is labelling into the same output; wait for it or choose another output", run.Sentence);
    }

    [Fact]
    public async Task Other_arguments_at_a_process_are_refused()
    {
        var cells = _sets.Cells();
        string[] first = ["evaluate", "detection", "-m", _tiny.Model, "-d", cells];
        var run = await RankedRun.OfEach((_tiny.Folder, first), (_tiny.Folder, [.. first, "--limit", "1"]));
        Refused(run, ErrorKind.Usage, "process 1 was given --limit 1 and process 0 no --limit: start all with the same command line");
        run = await RankedRun.OfEach((_tiny.Folder, ["train", _recipe.Path, "-o", _recipe.Run("a")]), (_tiny.Folder, ["train", _recipe.Path, "-o", _recipe.Run("b")]));
        Refused(run, ErrorKind.Usage, $"process 1 was given --output {_recipe.Run("b")} and process 0 --output {_recipe.Run("a")}: start all with the same command line");
        Assert.False(Directory.Exists(_recipe.Run("a")));
    }

    [Fact]
    public async Task A_run_folder_that_is_not_shared_is_named()
    {
        var other = Directory.CreateDirectory(_sets.At("machine")).FullName;
        string[] arguments = ["train", _recipe.Path, "-o", "mine", "--quiet"];
        Refused(await RankedRun.OfEach((_tiny.Folder, arguments), (other, arguments)), ErrorKind.Usage, "process 1 does not see the run in mine that process 0 has begun");
    }

    [Fact]
    public async Task Other_data_at_a_process_is_named()
    {
        var (here, there) = (Path.GetDirectoryName(_sets.Cells())!, Directory.CreateDirectory(_sets.At("machine")).FullName);
        foreach (var file in Directory.GetFiles(here)) File.Copy(file, Path.Combine(there, Path.GetFileName(file)));
        var cells = Path.Combine(there, "cells.jsonl");
        await File.WriteAllTextAsync(cells, (await File.ReadAllTextAsync(cells, TestContext.Current.CancellationToken)).Replace("[1, 1, 30, 30]", "[1, 1, 30, 31]", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        string[] evaluate = ["evaluate", "detection", "-m", _tiny.Model, "-d", "cells.jsonl"];
        Refused(await RankedRun.OfEach((here, evaluate), (there, evaluate)), ErrorKind.BadData, "process 1 reads other data than process 0: 'cells': 3 pictures with 4 boxes");
        const string Source = """train=[{"name": "photos", "pictures": {"path": "cells.jsonl"}}]""";
        string[] train = ["train", "recipe.json", "-o", _recipe.Run(), "--set", Source, "--set", "validation=[]", "--quiet"];
        foreach (var folder in new[] { here, there }) File.Copy(_recipe.Path, Path.Combine(folder, "recipe.json"));
        Refused(await RankedRun.OfEach((here, train), (there, train)), ErrorKind.BadData, "process 1 reads other data than process 0: 'photos': 3 pictures with 4 boxes");
    }

    [Fact]
    public async Task Other_weights_at_a_process_are_named()
    {
        using var other = new TinyModel();
        await File.AppendAllTextAsync(Path.Combine(other.Model, "model.safetensors"), "x", TestContext.Current.CancellationToken);
        string[] arguments = ["evaluate", "detection", "-m", "model", "-d", _sets.Cells()];
        Refused(await RankedRun.OfEach((_tiny.Folder, arguments), (other.Folder, arguments)), ErrorKind.BadModel, "model: process 1 has model.safetensors of ");
    }

    [Fact]
    public async Task A_recipe_that_trained_nothing_may_be_mended()
    {
        string[] train = ["train", _recipe.Path, "-o", _recipe.Run(), "--quiet", "--set", "stages[0].steps=1", "--set", "stages[1].steps=1", "--set", "validation=[]"];
        Refused(await RankedRun.Of(2, [.. train, "--set", "stages[0].batch=1"]), ErrorKind.BadRecipe, "start fewer or raise it");
        var mended = await RankedRun.Of(2, [.. train, "--set", "stages[0].batch=2"]);
        Assert.True(mended.ExitCode == 0, mended.Error);
        var refused = await CommandLineRun.Of([.. train, "--set", "stages[0].batch=4"]);
        Assert.Contains("holds a run of another recipe", refused.Error, StringComparison.Ordinal);
    }

    /// <summary>mpirun gives processes a terminal to write to, whatever its own output is.</summary>
    [Fact]
    public async Task What_is_written_to_stdout_is_json_and_nothing_else()
    {
        var run = await RankedRun.Of(2, "evaluate", "detection", "-m", _tiny.Model, "-d", _sets.Cells(), "--json");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.DoesNotContain('\u001b', run.Out);
        using var json = JsonDocument.Parse(run.Out);
        Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
    }

    private static void Refused(CommandLineRun run, ErrorKind kind, string sentence)
    {
        Assert.Equal((int)kind, run.ExitCode);
        Assert.Contains(sentence, Assert.Single(run.Error.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    private static int Lines(string folder) => !Directory.Exists(folder) ? 0 : Directory.GetFiles(folder, "*.jsonl").Sum(file =>
    {
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Count(character => character == '\n');
    });
}
