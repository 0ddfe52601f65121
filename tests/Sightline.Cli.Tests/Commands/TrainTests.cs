using System.Text.Json;

namespace Sightline.Cli.Tests.Commands;

public class TrainTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task A_run_leaves_model_card_report_curves_and_events()
    {
        var recipe = Recipe("whole");
        var run = await CommandLineRun.Of("train", recipe);
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("plan: whole", run.Error);
        var folder = tiny.At("runs", "whole");
        Assert.Contains($"model:  {Path.Combine(folder, "model")}", run.Out);
        Assert.StartsWith("# whole", await File.ReadAllTextAsync(Path.Combine(folder, "model", "README.md")));
        Assert.Contains("<svg", await File.ReadAllTextAsync(Path.Combine(folder, "report.html")));
        Assert.Contains("data:image/jpeg", await File.ReadAllTextAsync(Path.Combine(folder, "report.html")));
        Assert.Single(Directory.GetFiles(Path.Combine(folder, "tensorboard"), "events.out.tfevents.*"));
        Assert.Equal(5, File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Count(line => line.Contains("\"group\":\"train\"", StringComparison.Ordinal)));
        var ground = await CommandLineRun.Of("ground", tiny.Photo, "a cell", "-m", Path.Combine(folder, "model"), "--no-picture");
        Assert.Equal((0, ""), (ground.ExitCode, ground.Error));

        var again = await CommandLineRun.Of("train", recipe);
        Assert.Equal((int)ErrorKind.Usage, again.ExitCode);
        Assert.Contains("already holds a run", again.Sentence);
        var finished = await CommandLineRun.Of("train", recipe, "--resume");
        Assert.Contains("holds a finished run", finished.Sentence);
    }

    [Fact]
    public async Task A_stopped_run_says_how_to_go_on_and_ends_with_the_same_bits()
    {
        var undisturbed = await CommandLineRun.Of("train", Recipe("undisturbed"), "--no-plan");
        Assert.Equal(0, undisturbed.ExitCode);
        var recipe = Recipe("stopped");
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        var stopped = await CommandLineRun.Of(stop.Token, "train", recipe, "--no-plan", "--set", "seed=3");
        Assert.Equal(ExitCode.Interrupted, stopped.ExitCode);
        Assert.Equal($"saved; go on with: sightline train {Quoted(recipe)} --resume --set seed=3", stopped.Sentence);
        var resumed = await CommandLineRun.Of("train", recipe, "--resume", "--set", "seed=3");
        Assert.Equal(0, resumed.ExitCode);
        Assert.Equal(
            await File.ReadAllBytesAsync(tiny.At("runs", "undisturbed", "model", "model.safetensors")),
            await File.ReadAllBytesAsync(tiny.At("runs", "stopped", "model", "model.safetensors")));
    }

    [Fact]
    public async Task A_plan_trains_nothing_and_leaves_nothing()
    {
        var run = await CommandLineRun.Of("train", Recipe("planned"), "--plan-only", "--batch", "auto");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("stage 2 (Boxes)", run.Out);
        Assert.False(Directory.Exists(tiny.At("runs", "planned")));
    }

    [Theory]
    [InlineData("stages[1].steps=1", 0)]
    [InlineData("stages[1].stepz=1", ErrorKind.BadRecipe)]
    [InlineData("stages[9].steps=1", ErrorKind.Usage)]
    [InlineData("name.first=1", ErrorKind.Usage)]
    [InlineData("nonsense", ErrorKind.Usage)]
    [InlineData("model.preset=huge", ErrorKind.BadRecipe)]
    [InlineData("stages[0].learning_rate=-1", ErrorKind.BadRecipe)]
    public async Task Changes_are_checked_like_the_recipe(string change, ErrorKind kind)
    {
        var run = await CommandLineRun.Of("train", Recipe("changed"), "--plan-only", "--set", change);
        Assert.Equal((int)kind, run.ExitCode);
        if (kind != 0) Assert.StartsWith("error: ", run.Sentence);
    }

    [Fact]
    public async Task A_missing_recipe_is_named()
    {
        var run = await CommandLineRun.Of("train", "no-such-recipe.json");
        Assert.Equal((int)ErrorKind.NotFound, run.ExitCode);
        Assert.Contains("no-such-recipe.json", run.Sentence);
    }

    private static string Quoted(string path) => path.All(each => char.IsAsciiLetterOrDigit(each) || "-_./".Contains(each, StringComparison.Ordinal)) ? path : $"'{path}'";

    /// <summary>Both stages in a few steps.</summary>
    private string Recipe(string name)
    {
        var path = tiny.At(name + ".json");
        File.WriteAllText(path, $$"""
            {
              // both stages, as short as can be
              "name": "{{name}}", "seed": 3, "output": {{JsonSerializer.Serialize(tiny.At("runs", name))}},
              "model": { "preset": "nano", "image_size": 32, "tokenizer": {{JsonSerializer.Serialize(tiny.Model)}} },
              "train": [ { "name": "scenes", "scenes": { "minimum_side": 32, "maximum_side": 32, "phrases": 2 } } ],
              "validation": [ { "name": "held out", "scenes": { "minimum_side": 32, "maximum_side": 32, "count": 3, "seed": 7 } } ],
              "stages": [
                { "kind": "Contrastive", "steps": 2, "batch": 2, "warm_up": 1, "validate_every": 0 },
                { "kind": "Boxes", "steps": 3, "batch": 2, "warm_up": 1, "save_every": 1, "validate_every": 2 }
              ]
            }
            """);
        return path;
    }
}
