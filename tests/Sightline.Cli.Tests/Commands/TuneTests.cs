using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary><c>sightline train</c> with the recipe of a language model.</summary>
[Collection(Alone.Name)]
public sealed class TuneTests : IDisposable
{
    private readonly TinyTuning _tuning = new();

    public void Dispose() => _tuning.Dispose();

    [Fact]
    public async Task Supervised_then_reinforcement_gives_adapters_figures_and_pages()
    {
        var run = _tuning.At("run");
        var done = await CommandLineRun.Of("train", _tuning.Path, "--output", run, "--quiet");
        Assert.Equal((0, ""), (done.ExitCode, done.Warnings));
        Assert.True(File.Exists(TinyTuning.Adapters(run)));
        Assert.Contains("\"peft_type\": \"LORA\"", await File.ReadAllTextAsync(Path.Combine(run, "model", "adapter_config.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        var lines = File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(5, lines.Count(line => line.GetProperty("group").GetString() == "train"));
        var supervised = lines.Where(line => line.GetProperty("stage").GetInt32() == 0).Select(line => line.GetProperty("values").GetProperty("loss").GetDouble()).ToList();
        Assert.True(supervised[1] < supervised[0], $"the loss went from {supervised[0]} to {supervised[1]}");
        var step = lines.First(line => line.GetProperty("stage").GetInt32() == 1).GetProperty("values");
        Assert.Equal(0, step.GetProperty("sampler_difference").GetDouble()); // to the last bit
        Assert.Equal(0, step.GetProperty("kl").GetDouble(), 1e-9); // the reference is the model as the stage began
        Assert.True(step.GetProperty("entropy").GetDouble() > 0);
        foreach (var name in new[] { "reward", "reward_spread", "sightline/box_iou", "sightline/box_iou.spread", "test/letters", "clip_share", "tokens", "cut", "idle_groups", "gradient_norm", "seconds_sampling", "seconds_scoring", "seconds_learning" })
            Assert.True(step.TryGetProperty(name, out _), name);
        Assert.Contains(lines, line => line.GetProperty("stage").GetInt32() == 1 && line.GetProperty("values").GetProperty("kl").GetDouble() > 0);
        var page = await File.ReadAllTextAsync(Path.Combine(run, "rollouts.html"), TestContext.Current.CancellationToken);
        Assert.Contains("Stage 2, step 3", page, StringComparison.Ordinal);
        Assert.Contains("advantage", page, StringComparison.Ordinal);
        Assert.Equal(6, File.ReadLines(Path.Combine(run, "rollouts.jsonl")).Count());
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(run, "events")));

        // what was trained can be merged and asked
        var merged = await CommandLineRun.Of("merge", "--model", Fixtures.Path("models", "tiny-qwen2-vl"), "--adapter", Path.Combine(run, "model"), "--output", _tuning.At("merged"));
        Assert.Equal(0, merged.ExitCode);
    }

    [Fact]
    public async Task The_plan_chooses_a_batch_and_writes_nothing()
    {
        var done = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--plan-only", "--batch", "auto", "--json", _tuning.At("plan.json"));
        Assert.Equal((0, ""), (done.ExitCode, done.Warnings));
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(_tuning.At("plan.json"), TestContext.Current.CancellationToken));
        var stages = json.RootElement.GetProperty("stages");
        Assert.Equal(2, stages[0].GetProperty("batch").GetInt32()); // all prompts of a step fit
        Assert.Equal(6, stages[1].GetProperty("batch").GetInt32());
        Assert.True(stages[1].GetProperty("batch_chosen").GetBoolean());
        Assert.True(stages[1].GetProperty("seconds_sampling").GetDouble() > 0 && stages[1].GetProperty("seconds_learning").GetDouble() > 0);
        Assert.False(Directory.Exists(_tuning.At("run")));
    }

    [Fact]
    public async Task Preflight_says_what_is_wrong_before_anything_is_trained()
    {
        var done = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--preflight", "3", "--json", _tuning.At("preflight.json"));
        Assert.Equal((0, ""), (done.ExitCode, done.Warnings));
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(_tuning.At("preflight.json"), TestContext.Current.CancellationToken));
        Assert.Equal(9, json.RootElement.GetProperty("answers").GetInt32());
        Assert.Equal(3, json.RootElement.GetProperty("iou_histogram")[0].GetInt32() / 3); // 9 answers, one box each, none found
        Assert.Contains("sightline/box_iou is 0 for every answer", json.RootElement.GetProperty("findings").ToString(), StringComparison.Ordinal);
        Assert.Contains("groups without spread", done.Out, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_tuning.At("run")));
    }

    [Fact]
    public async Task A_run_that_trips_leaves_its_answers_to_be_looked_at()
    {
        var run = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--quiet", "--set", "stages[1].tripwires.entropy=100");
        Assert.Equal((int)ErrorKind.RunStopped, run.ExitCode);
        Assert.Contains("Stage 2, step 1", await File.ReadAllTextAsync(_tuning.At("run", "rollouts.html"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_tripped_goes_on_with_other_tripwires_to_the_same_bits()
    {
        var stopped = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--quiet", "--set", "stages[1].tripwires.entropy=100");
        Assert.Contains("With other tripwires the same command goes on from there", stopped.Sentence, StringComparison.Ordinal);
        var other = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--quiet", "--set", "stages[1].learning_rate=1e-3");
        Assert.Contains("stages[1].learning_rate is 0.01 there and 0.001 here", other.Sentence, StringComparison.Ordinal);
        Assert.Equal(0, (await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--quiet", "--set", "stages[1].tripwires.kl=1000")).ExitCode);
        Assert.Contains("1000", await File.ReadAllTextAsync(_tuning.At("run", "recipe.json"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(0, (await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("whole"), "--quiet")).ExitCode);
        Assert.Equal(await File.ReadAllBytesAsync(TinyTuning.Adapters(_tuning.At("whole")), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(TinyTuning.Adapters(_tuning.At("run")), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_reward_of_ones_own_that_fails_is_named_with_its_problem()
    {
        var run = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--quiet", "--set", "stages[1].rewards[0].name=test/failing");
        Assert.Equal((int)ErrorKind.BadRecipe, run.ExitCode);
        Assert.Contains("the reward 'test/failing' failed (InvalidOperationException: no such thing as this)", run.Sentence, StringComparison.Ordinal);
        Assert.Contains("problem 'shapes/", run.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_learned_nothing_says_so()
    {
        var run = await CommandLineRun.Of("train", _tuning.Path, "--output", _tuning.At("run"), "--quiet", "--set", "stages[1].rewards[0].name=test/silent", "--set", "stages[1].rewards[1].weight=0");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("stage 2: the reward 'test/silent' gave no number for any answer, so nothing was learned from it", run.Error, StringComparison.Ordinal);
        Assert.Contains("stage 2: in all 3 steps the answers to a problem were rewarded alike, so nothing was learned; --preflight 8 says why", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stages[1].group=1", "stages[1].group is 1: answers are compared within their group, so it needs at least 2")]
    [InlineData("stages[1].loss=ppo", "stages[1].loss: the loss 'ppo' is not known")]
    [InlineData("stages[1].rewards[1].name=sightline/none", "stages[1].rewards: there is no reward 'sightline/none'")]
    [InlineData("model.adapters.rank=100000", "adapters of rank 100000 are larger than the weights that they stand in for")]
    [InlineData("stages[1].clip=2", "stages[1].clip must be from 0 to 1, is 2")]
    [InlineData("stages[1].loss=cispo", "stages[1].clip_high: for cispo it is the largest weight of a token")]
    [InlineData("stages[0].tripwires.rollbacks=1", "stages[0].tripwires.rollbacks is 1: a supervised stage draws nothing at random")]
    [InlineData("stages[1].temperature=0", "stages[1].temperature must be above 0")]
    [InlineData("stages[1].kind=Boxes", "Supervised or Reinforcement")]
    [InlineData("model.weights=int3", "model.weights: the weight format 'int3' is not known")]
    [InlineData("model.adapters=null", "model.weights is 'int8'", "model.weights=int8")]
    [InlineData("stages[1].freeze=[\"nothing\"]", "stages[1].freeze names 'nothing'")]
    public async Task What_cannot_be_meant_is_refused_before_the_start(string setting, string sentence, string? other = null)
    {
        string[] more = other is null ? [] : ["--set", other];
        var done = await CommandLineRun.Of(["train", _tuning.Path, "--output", _tuning.At("run"), "--quiet", "--set", setting, .. more]);
        Assert.Equal((int)ErrorKind.BadRecipe, done.ExitCode);
        Assert.Contains(sentence, done.Sentence, StringComparison.Ordinal);
    }
}
