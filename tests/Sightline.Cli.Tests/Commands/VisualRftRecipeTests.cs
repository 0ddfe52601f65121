using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>The recipes of recipes/visual-rft as a user runs them: problems from a set, training, merging, measuring. Only the sizes are smaller.</summary>
[Collection(Alone.Name)]
public sealed class VisualRftRecipeTests : IDisposable
{
    private static readonly string s_model = Fixtures.Path("models", "tiny-qwen2-vl");
    private readonly TinySets _sets = new();

    public void Dispose() => _sets.Dispose();

    [Theory]
    [InlineData("open-vocabulary-detection", "detection")]
    [InlineData("few-shot-detection", "detection")]
    [InlineData("reasoning-grounding", "reasoning")]
    [InlineData("classification", "classification")]
    public async Task A_recipe_needs_a_checkpoint_and_problems_only(string recipe, string task)
    {
        var set = task switch { "detection" => _sets.Cells(), "reasoning" => _sets.Lisa(), _ => _sets.Folders() };
        string[] values = task == "classification" ? ["--value", "subject=a plant", "--value", "property=species of the plant"] : [];
        string[] shots = recipe.StartsWith("few", StringComparison.Ordinal) ? ["--shots", "1"] : [];
        await Done(["data", "convert", set, _sets.At("problems.jsonl"), "--to", "problems", .. shots, .. values]);
        var (run, model) = (_sets.At("run"), _sets.At("merged"));
        await Done(
        [
            "train", Path.Combine(Fixtures.Root, "recipes", "visual-rft", recipe + ".json"), "--output", run, "--quiet",
            "--set", $"model.checkpoint={s_model}", "--set", $"train[0].problems={_sets.At("problems.jsonl")}",
            "--set", "model.maximum_pixels=3136", "--set", "stages[0].steps=2", "--set", "stages[0].prompts=2", "--set", "stages[0].group=2", "--set", "stages[0].maximum_completion=6",
        ]);
        Assert.Equal(2, File.ReadLines(Path.Combine(run, "metrics.jsonl")).Count(line => line.Contains("\"train\"", StringComparison.Ordinal)));
        await Done(["merge", "--model", s_model, "--adapter", Path.Combine(run, "model"), "--output", model]);
        await Done(["evaluate", task, "-m", model, "-d", set, "--protocol", "both", "--max-tokens", "6", "--max-pixels", "3136", "--bootstrap", "0", .. values]);

        static async Task Done(string[] line)
        {
            var run = await CommandLineRun.Of(line);
            Assert.True(run.ExitCode == 0, $"{string.Join(' ', line)}: {run.Error}");
        }
    }

    [Fact]
    public async Task The_published_rewards_can_take_their_place()
    {
        await CommandLineRun.Of("data", "convert", _sets.Cells(), _sets.At("problems.jsonl"), "--to", "problems");
        var run = await CommandLineRun.Of(
            "train", Path.Combine(Fixtures.Root, "recipes", "visual-rft", "few-shot-detection.json"), "--output", _sets.At("run"), "--preflight", "1",
            "--set", $"model.checkpoint={s_model}", "--set", $"train[0].problems={_sets.At("problems.jsonl")}", "--set", "model.maximum_pixels=3136", "--set", "stages[0].maximum_completion=6",
            "--set", "stages[0].rewards=[{\"name\":\"visual-rft/accuracy_iou\"},{\"name\":\"visual-rft/accuracy_confidence\"},{\"name\":\"visual-rft/format\"}]");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Contains("visual-rft/accuracy_confidence", run.Out, StringComparison.Ordinal);
    }
}
