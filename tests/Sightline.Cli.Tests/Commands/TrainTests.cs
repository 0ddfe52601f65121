using System.Text.Json;

namespace Sightline.Cli.Tests.Commands;

public class TrainTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task A_plan_trains_nothing_and_leaves_nothing()
    {
        var run = await CommandLineRun.Of("train", Recipe("planned"), "--plan-only", "--batch", "auto");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("Boxes", run.Out);
        Assert.False(Directory.Exists(tiny.At("runs", "planned")));
    }

    [Theory]
    [InlineData("stages[1].steps=1", default(ErrorKind))]
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
