using System.Text.Json;
using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;
using Sightline.Testing;
using Sightline.Training.Distributed;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;
using Sightline.Training.Rewards;
using Sightline.Training.Runs;
using Sightline.Training.Tests.Distributed;

namespace Sightline.Training.Tests.Reinforcement;

[Collection(Alone.Name)]
public sealed class PolicyTrainerTests : TensorTest
{
    private readonly TuningPlace _place = new();

    protected override void Free() => _place.Dispose();

    /// <summary>Adapters over float32, bfloat16 and quantized weights, and full weights; the sampler's log-probabilities are the learner's in all of them.</summary>
    [Theory]
    [InlineData("tiny-qwen2-vl", ", \"adapters\": { \"rank\": 4 }", "")]
    [InlineData("tiny-qwen2_5-vl", ", \"adapters\": { \"rank\": 4 }, \"weights\": \"int8\"", ", \"updates\": 2")]
    [InlineData("tiny-qwen2-vl", ", \"adapters\": { \"rank\": 4, \"targets\": [\"q_proj\", \"qkv\"], \"parts\": [\"model\", \"visual\"] }", ", \"recompute\": true")]
    [InlineData("tiny-qwen3-vl", ", \"adapters\": { \"rank\": 4 }", ", \"loss\": \"dapo\", \"beta\": 0, \"scale\": \"None\"")]
    [InlineData("tiny-qwen2-vl", "", ", \"freeze\": [\"visual\"]")]
    [InlineData("tiny-qwen3-vl", "", ", \"learning_rate_factors\": { \"visual\": 0.1 }, \"recompute\": true")]
    public void Models_of_every_kind_are_tuned(string model, string adapters, string stage)
    {
        var (steps, outcome, _) = _place.Run(_place.Recipe(model, stage, adapters));
        Assert.True(outcome.Completed);
        Assert.Equal(2, steps.Count);
        Assert.All(steps, step => Assert.Equal(0, step["sampler_difference"]));
        Assert.True(steps[0]["gradient_norm"] > 0);
        if (!stage.Contains("\"beta\": 0", StringComparison.Ordinal))
        {
            Assert.Equal(0, steps[0]["kl"], 1e-7f);
            Assert.True(steps[1]["kl"] > 0);
        }

        if (adapters.Length > 0) return;
        using var tuned = QwenVlModel.LoadForTraining(outcome.ModelFolder);
        using var before = QwenVlModel.LoadForTraining(TinyQwen.Folder(model));
        foreach (var (now, then) in tuned.Parameters.All.Zip(before.Parameters.All))
        {
            var isFrozen = stage.Contains("freeze", StringComparison.Ordinal) && now.Path.StartsWith("visual.", StringComparison.Ordinal);
            var isSame = now.Value.ToArray<float>().AsSpan().SequenceEqual(then.Value.ToArray<float>());
            if (isFrozen) Assert.True(isSame, $"{now.Path} was frozen");
            else if (now.Path.EndsWith("q_proj.weight", StringComparison.Ordinal)) Assert.False(isSame, $"{now.Path} was not trained");
        }
    }

    /// <summary>A stage that validates is measured at its end, too, and the next one learns what it would without that.</summary>
    [Fact]
    public void Measuring_a_stage_changes_nothing_of_the_next()
    {
        var (measured, unmeasured) = (Model("measured", 2, out var steps), Model("unmeasured", 0, out var last));
        Assert.Equal([(0, 2), (0, 3), (1, 1)], steps);
        Assert.Equal([(1, 1)], last);
        Assert.Equal(unmeasured, measured);

        string[] Model(string name, int every, out List<(int, int)> validations)
        {
            var recipe = _place.Recipe("tiny-qwen2-vl", ", \"average_decay\": 0.9");
            var taught = recipe.Stages[0] with { Kind = LanguageStageKind.Supervised, Steps = 3, ValidateEvery = every };
            using var folder = new RunFolder(_place.At(name));
            using var trainer = new PolicyTrainer(recipe with { Validation = [recipe.Train[0] with { Name = "held out", Count = 2 }], Stages = [taught, recipe.Stages[0] with { Steps = 1 }] }, folder);
            var watcher = new Watcher();
            var outcome = trainer.Run(watcher, CancellationToken.None);
            validations = watcher.Validations;
            return [.. Directory.GetFiles(outcome.ModelFolder, "*.safetensors").Order(StringComparer.Ordinal).Select(file => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))))];
        }
    }

    /// <summary>Recomputed layers give the bits of those that were kept; smaller passes the same gradients but for rounding.</summary>
    [Fact]
    public void Recomputing_and_smaller_passes_change_memory_alone()
    {
        var plain = _place.Run(_place.Recipe("tiny-qwen2-vl", ""), "plain");
        var recomputed = _place.Run(_place.Recipe("tiny-qwen2-vl", ", \"recompute\": true"), "recomputed");
        Assert.Equal(Bytes(plain.Outcome.ModelFolder), Bytes(recomputed.Outcome.ModelFolder));
        foreach (var batch in new[] { 1, 2, 4 })
        {
            var cut = _place.Run(_place.Recipe("tiny-qwen2-vl", "") with { Stages = [_place.Recipe("tiny-qwen2-vl", "").Stages[0] with { Batch = batch }] }, $"cut{batch}");
            Assert.Equal(plain.Steps[0]["reward"], cut.Steps[0]["reward"]);
            Assert.Equal(plain.Steps[0]["gradient_norm"], cut.Steps[0]["gradient_norm"], plain.Steps[0]["gradient_norm"] * 1e-5f);
            Assert.Equal(plain.Steps[0]["loss"], cut.Steps[0]["loss"], 1e-6f);
        }
    }

    /// <summary>Two processes on one machine have half of its memory each, and one of two problems.</summary>
    [Fact]
    public void A_plan_is_that_of_one_of_the_processes_that_share_the_machine()
    {
        TuningPlan Plan(RunFolder folder)
        {
            using var trainer = new PolicyTrainer(_place.Recipe("tiny-qwen2-vl", ""), folder);
            TuningPlan? plan = null;
            ThreadTeam.RunAlone(() => plan = trainer.Plan()); // workspaces of several threads overlap by chance
            return plan!;
        }

        var (alone, shared) = (Plan(new RunFolder("never-made")), Plan(new RunFolder("never-made", new Neighbours(2))));
        Assert.Equal(alone.AvailableBytes / 2, shared.AvailableBytes);
        Assert.Equal(alone.Stages[0].CacheBytes / 2, shared.Stages[0].CacheBytes);
        Assert.InRange(alone.PeakBytes - shared.PeakBytes - shared.Stages[0].CacheBytes, 2 * shared.Stages[0].BytesPerAnswer, 4 * shared.Stages[0].BytesPerAnswer);
    }

    /// <summary>Adapters over weights of any format, and full weights: what is trained stays float32 and takes steps too small for 16 bits.</summary>
    [Theory]
    [InlineData("tiny-qwen2-vl", ", \"adapters\": { \"rank\": 4 }, \"weights\": \"bf16\"", ", \"recompute\": true")]
    [InlineData("tiny-qwen2_5-vl", ", \"adapters\": { \"rank\": 4 }, \"weights\": \"int8\"", ", \"updates\": 2")]
    [InlineData("tiny-qwen3-vl", "", "")]
    public void Mixed_precision_learns_nearly_the_same_with_float32_masters(string model, string adapters, string stage)
    {
        var full = _place.Run(_place.Recipe(model, stage, adapters), "full");
        var mixed = _place.Run(_place.Recipe(model, stage + ", \"mixed_precision\": true", adapters), "mixed");
        Assert.Equal(full.Steps[0]["reward"], mixed.Steps[0]["reward"]); // sampled in float32
        Assert.InRange(mixed.Steps[0]["sampler_difference"], 1e-5, 0.25); // scores of up to 30 from states that are off by 2^-8 and a little more
        Assert.Equal(0, mixed.Steps[0]["kl"], 1e-6f); // the reference is rounded alike
        Assert.InRange(mixed.Steps[0]["gradient_norm"] / full.Steps[0]["gradient_norm"], 0.9, 1.1);
        Assert.NotEqual(full.Steps[0]["gradient_norm"], mixed.Steps[0]["gradient_norm"]);
    }

    [Theory]
    [InlineData("Drop", 2, 0)]
    [InlineData("Resample", 2, 6)]
    [InlineData("Keep", 2, 0)]
    public void Groups_without_spread_are_counted_and_teach_nothing(string idle, int idleGroups, int redrawn)
    {
        var (steps, outcome, _) = _place.Run(_place.Recipe("tiny-qwen2-vl", $", \"idle\": \"{idle}\", \"redraws\": 3", reward: "test/constant"));
        Assert.True(outcome.Completed);
        Assert.All(steps, step => Assert.Equal((idleGroups, redrawn), ((int)step["idle_groups"], (int)step["redrawn_groups"])));
        Assert.Equal(idle == "Keep", steps[0].ContainsKey("loss"));
        if (idle == "Keep") Assert.Equal(0, steps[0]["gradient_norm"], 1e-6f); // KL alone, and at its least
    }

    [Fact]
    public void A_tripwire_stops_the_run_and_names_figure_and_limit()
    {
        var error = Assert.Throws<SightlineException>(() => _place.Run(_place.Recipe("tiny-qwen2-vl", ", \"tripwires\": { \"entropy\": 50 }")));
        Assert.Equal(ErrorKind.RunStopped, error.Kind);
        Assert.Contains("stage 1, step 1: the entropy is", error.Message, StringComparison.Ordinal);
        Assert.Contains("must be at least 50; nothing had been saved yet", error.Message, StringComparison.Ordinal);

        // nor are answers learned from that are all alike: no group has spread then, and the entropy is known all the same
        error = Assert.Throws<SightlineException>(() => _place.Run(_place.Recipe("tiny-qwen2-vl", ", \"tripwires\": { \"entropy\": 50 }", reward: "test/constant"), "idle"));
        Assert.Contains("stage 1, step 1: the entropy is", error.Message, StringComparison.Ordinal);

        error = Assert.Throws<SightlineException>(() => _place.Run(_place.Recipe("tiny-qwen2-vl", ", \"tripwires\": { \"kl\": 1e-9 }"), "other"));
        Assert.Contains("step 2: the KL to the reference is", error.Message, StringComparison.Ordinal);
        // the weights that went too far are those of that checkpoint
        Assert.Contains("the last checkpoint, stage00-step0000001.safetensors, holds the weights with which this step began", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stage_goes_back_to_its_checkpoint_as_often_as_it_may()
    {
        var recipe = _place.Recipe("tiny-qwen2-vl", ", \"tripwires\": { \"kl\": 1e-9, \"rollbacks\": 2 }");
        var error = Assert.Throws<SightlineException>(() => _place.Run(recipe));
        Assert.Contains("after going back 2 times", error.Message, StringComparison.Ordinal);
        using var folder = new RunFolder(_place.At("run"));
        Assert.Equal((1, 2), (folder.LatestCheckpoint()!.Step, folder.LatestCheckpoint()!.Rollbacks));
        Assert.Equal(2, File.ReadLines(_place.At("run", "rollouts.jsonl")).Count()); // the two groups of step 1
    }

    /// <summary>A collapse that comes once: the checkpoint of the very step is passed over, and nothing that was computed with its weights is used again.</summary>
    [Fact]
    public void After_going_back_sampler_and_learner_agree()
    {
        RewardFunctions.Add(new Gap(from: 12, to: 18)); // the six answers of step 3
        var recipe = _place.Recipe("tiny-qwen2-vl", ", \"tripwires\": { \"reward_loss\": 0.05, \"rollbacks\": 1 }", reward: "test/gap");
        var (steps, outcome, rollbacks) = _place.Run(recipe with { Stages = [recipe.Stages[0] with { Steps = 4 }] });
        Assert.True(outcome.Completed);
        Assert.StartsWith("1: stage 1, step 3: the running mean of the reward is", Assert.Single(rollbacks), StringComparison.Ordinal);
        Assert.Equal(5, steps.Count); // 1, 2, and then 2 to 4
        Assert.All(steps, step => Assert.Equal(0, step["sampler_difference"]));
    }

    [Fact]
    public void A_stage_goes_back_from_scores_that_are_no_numbers()
    {
        var recipe = _place.Recipe("tiny-qwen2-vl", ", \"tripwires\": { \"kl\": null, \"rollbacks\": 1 }");
        var error = Assert.Throws<SightlineException>(() => _place.Run(recipe with { Stages = [recipe.Stages[0] with { LearningRate = 1e30 }] }));
        Assert.StartsWith("stage 1, step 2: the model's scores are not numbers", error.Message, StringComparison.Ordinal);
        Assert.Contains("after going back 1 times", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Further_updates_are_held_to_the_probabilities_of_the_sampler()
    {
        var once = _place.Run(_place.Recipe("tiny-qwen2-vl", ", \"beta\": 0, \"clip\": 0.01"), "once").Steps[0];
        var twice = _place.Run(_place.Recipe("tiny-qwen2-vl", ", \"beta\": 0, \"clip\": 0.01, \"updates\": 2"), "twice").Steps[0];
        Assert.Equal((0, once["reward"]), (once["clip_share"], twice["reward"]));
        Assert.True(twice["clip_share"] > 0.1, $"{twice["clip_share"]} of the tokens were clipped after an update of 0.01 a weight");
        Assert.Equal(0, twice["sampler_difference"]); // of the first
    }

    [Fact]
    public async Task Answers_about_generated_scenes_are_shown()
    {
        var recipe = _place.Recipe("tiny-qwen2-vl", ", \"show_every\": 1") with { Train = [new ProblemSourceRecipe { Name = "scenes", Scenes = new SceneProblemRecipe() }] };
        using var folder = new RunFolder(_place.At("run"));
        using var trainer = new PolicyTrainer(recipe with { Stages = [recipe.Stages[0] with { Steps = 1 }] }, folder);
        trainer.Run(new SilentWatcher(), TestContext.Current.CancellationToken);
        // there are a million scenes, of which two were asked about
        var page = await Task.Run(trainer.WriteRollouts, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        Assert.Contains("<rect class=\"t\"", await File.ReadAllTextAsync(page, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    /// <summary>Answers that were all cut off are not learned from where the recipe says so.</summary>
    [Fact]
    public void Answers_that_were_cut_off_can_be_left_out()
    {
        foreach (var isMasked in new[] { false, true })
        {
            var (steps, _, _) = _place.Run(_place.Recipe("tiny-qwen2-vl", $", \"mask_truncated\": {(isMasked ? "true" : "false")}"), $"masked-{isMasked}");
            Assert.Equal((1, !isMasked), (steps[0]["cut"], steps[0]["gradient_norm"] > 0));
        }
    }

    [Fact]
    public void A_run_goes_on_from_stored_adapters_and_is_held_near_them()
    {
        var first = _place.Run(_place.Recipe("tiny-qwen2-vl", ""), "first");
        var (steps, outcome, _) = _place.Run(_place.Recipe("tiny-qwen2-vl", "", $", \"adapters_from\": {JsonSerializer.Serialize(first.Outcome.ModelFolder)}"), "second");
        Assert.All(steps, step => Assert.Equal(0, step["sampler_difference"]));
        Assert.Equal(0, steps[0]["kl"], 1e-7f);
        Assert.True(steps[1]["kl"] > 0);
        Assert.NotEqual(first.Steps[0]["reward"], steps[0]["reward"]);
        Assert.NotEqual(Bytes(first.Outcome.ModelFolder), Bytes(outcome.ModelFolder));
        Assert.Contains("\"r\": 4", File.ReadAllText(Path.Combine(outcome.ModelFolder, "adapter_config.json")), StringComparison.Ordinal);
    }

    /// <summary>Of the whole vocabulary by the temperature of sampling, whatever filters leave of it, and the mean over all tokens of a step.</summary>
    [Fact]
    public void The_entropy_is_that_of_what_tokens_are_drawn_from()
    {
        const float Temperature = 0.6f;
        var recipe = _place.Recipe("tiny-qwen2-vl", ", \"temperature\": 0.6, \"top_k\": 5");
        var parts = RunParts.Open(recipe, TimeProvider.System);
        using var tuned = parts.Model;
        using var sampler = new RolloutSampler(tuned);
        using var scope = TensorScope.Open();
        using var off = Tape.NoGrad();
        using var rows = RowIndependence.Require();
        var (source, problem) = parts.ProblemsOf(recipe.Stages[0]).Get(0);
        var prepared = parts.Reading.Prepare(source, problem, 10);
        var group = sampler.Sample([prepared], 4, 10, new SamplingOptions { Temperature = Temperature, TopK = 5 }, (_, a) => (ulong)a, CancellationToken.None)[0];
        using var pictures = new PictureCache(tuned, sampler);
        var batch = TokenBatch.OfGroups(new PromptGroup(prepared.Ids, prepared.Layout, pictures.Of(prepared, isReference: false), [.. group.Answers.Select(answer => answer.Ids)]));
        var states = Op.IndexRows(tuned.Network.Forward(batch.Input, cache: null), Tensor.From(batch.Rows, [batch.Rows.Length]));
        var entropies = Op.LogSoftmax(Op.Scale(tuned.Network.Logits(states), 1 / Temperature)).ToArray<float>().Chunk(tuned.Network.Sizes.VocabularySize).Select(row => -row.Sum(log => Math.Exp(log) * log)).ToArray();
        var at = 0;
        foreach (var answer in group.Answers)
        {
            var expected = entropies[at..(at += answer.Ids.Length)].Sum();
            Assert.Equal(expected, answer.Entropy, 1e-4 * answer.Ids.Length);
            Assert.NotEqual(-answer.LogProbabilities.Sum(value => (double)value), answer.Entropy, 1e-2); // one draw is not the mean over all
        }

        Assert.All(AnswerFigures.Gather(Communicator.Alone, group.Answers).Zip(group.Answers), pair => Assert.Equal(pair.Second.Entropy, pair.First.Entropy));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public void Rewards_are_learned(ulong seed)
    {
        // the reward is the share of one letter: a policy that learns says it more often
        RewardFunctions.Add(new Share());
        var recipe = _place.Recipe("tiny-qwen2-vl", "", reward: "test/share");
        var (steps, _, _) = _place.Run(recipe with { Seed = seed, Stages = [recipe.Stages[0] with { Steps = 50, Group = 8, Batch = 16, Beta = 0, LearningRate = 3e-3 }] });
        var (first, last) = (steps.Take(5).Average(step => step["reward"]), steps.TakeLast(5).Average(step => step["reward"]));
        Assert.True(last > first + 0.2, $"the reward went from {first:0.000} to {last:0.000}");
    }

    private static byte[] Bytes(string folder) => File.ReadAllBytes(Path.Combine(folder, "adapter_model.safetensors"));

    private sealed class SilentWatcher : ITrainingObserver
    {
        public void OnStep(TrainingStep step)
        {
        }

        public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores)
        {
        }

        public void OnCheckpoint(string folder)
        {
        }
    }

    private sealed class Gap(int from, int to) : IReward
    {
        private int _calls;

        public string Name => "test/gap";

        public string Description => "The letters, added up, and something for all but some answers";

        public double Score(RewardCase one) => (one.Completion.Sum(letter => (int)letter) % 97 / 97.0) + (_calls++ >= from && _calls <= to ? 0 : 10);
    }

    private sealed class Share : IReward
    {
        public string Name => "test/share";

        public string Description => "Share of letters of the first half of the alphabet";

        public double Score(RewardCase one) => one.Completion.Length == 0 ? 0 : one.Completion.Count(letter => letter is >= 'a' and <= 'm') / (double)one.Completion.Length;
    }
}
