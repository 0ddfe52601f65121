using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Testing;
using Sightline.Training.Grounding;
using Sightline.Training.Runs;
using Sightline.Training.Tests.Distributed;

namespace Sightline.Training.Tests.Grounding;

/// <summary>What must hold of every training, on a run of seconds.</summary>
[Collection(Alone.Name)]
public sealed class GroundingTrainerTests : IDisposable
{
    private static readonly string[] Short = ["stages[0].steps=3", "stages[0].validate_every=2", "stages[1].steps=5", "stages[1].validate_every=2", "stages[1].save_every=2", "validation[0].scenes.count=2"];
    private readonly long _liveBefore = NativePool.Shared.LiveBytes;
    private readonly RunPlace _place = new();

    public void Dispose()
    {
        _place.Dispose();
        Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_on_any_number_of_threads()
    {
        var threads = ThreadTeam.Shared.Threads;
        try
        {
            ThreadTeam.SetThreads(1);
            var one = Train("one", Short);
            ThreadTeam.SetThreads(3);
            Assert.Equal(one, Train("three", Short));
            Assert.NotEqual(one, Train("other seed", [.. Short, "seed=4"]));
        }
        finally
        {
            ThreadTeam.SetThreads(threads);
        }
    }

    [Fact]
    public void A_run_that_is_stopped_after_any_step_ends_with_the_same_bits_and_the_same_curves()
    {
        var whole = new Watcher();
        var expected = Train("whole", Short, whole);
        var steps = whole.Steps.Select(step => (step.Stage, step.Step, step.Metrics["loss"])).ToList();
        var pieces = new Watcher();
        using var folder = _place.Folder("pieces");
        TrainingOutcome outcome;
        do
        {
            using var stop = new CancellationTokenSource();
            var watcher = new Watcher(_ => stop.Cancel());
            using var trainer = new GroundingTrainer(TinyRun.Recipe(Short), folder);
            outcome = trainer.Run(watcher, stop.Token);
            pieces.Steps.AddRange(watcher.Steps);
            pieces.Validations.AddRange(watcher.Validations);
        }
        while (!outcome.Completed);

        Assert.Equal(steps, pieces.Steps.Select(step => (step.Stage, step.Step, step.Metrics["loss"])));
        Assert.Equal(whole.Validations, pieces.Validations);
        Assert.Equal([(0, 2), (0, 3), (1, 2), (1, 4), (1, 5)], whole.Validations); // each stage at its end, too
        Assert.Equal(expected, TinyRun.ModelBytes(outcome));
    }

    [Fact]
    public void A_finished_run_is_not_trained_again()
    {
        var expected = Train("done", Short);
        var again = new Watcher();
        Assert.Equal(expected, Train("done", Short, again));
        Assert.Empty(again.Steps);
        Assert.Single(again.Validations);
    }

    [Fact]
    public void Measuring_does_not_change_what_is_learned() =>
        Assert.Equal(Train("measured", Short), Train("unmeasured", [.. Short, "stages[0].validate_every=0", "stages[1].validate_every=0"]));

    [Fact]
    public void What_is_trainable_moves_and_what_is_frozen_does_not()
    {
        string[] frozen = ["text_encoder.", "fusion.0.image.cross_attention.query", "logit_bias"];
        var recipe = TinyRun.Recipe(
            "stages[0].steps=2", "stages[1].steps=6", "stages[0].freeze=[\"text_encoder.\", \"fusion.0.image.cross_attention.query\", \"logit_bias\"]",
            "stages[1].freeze=[\"text_encoder.\", \"fusion.0.image.cross_attention.query\", \"logit_bias\"]");
        using var folder = _place.Folder();
        using var trainer = new GroundingTrainer(recipe, folder);
        var before = TinyRun.Weights(trainer.Model);
        trainer.Run(new Watcher(), CancellationToken.None);
        foreach (var (path, after) in TinyRun.Weights(trainer.Model))
        {
            var isFrozen = frozen.Any(prefix => path.StartsWith(prefix, StringComparison.Ordinal));
            Assert.True(isFrozen == after.AsSpan().SequenceEqual(before[path]), $"{path} {(isFrozen ? "is frozen and moved" : "did not move")}");
        }
    }

    [Fact]
    public void A_factor_on_the_learning_rate_reaches_its_parameters_alone()
    {
        // one step without clipping, decay or average: Adam's first step is the learning rate itself
        string[] one = ["stages[0].steps=1", "stages[0].batch=2", "stages[0].warm_up=0", "stages[0].weight_decay=0", "stages[0].average_decay=0"];
        var plain = Moved(one);
        var slowed = Moved([.. one, "stages[0].learning_rate_factors={\"image_encoder.\": 0.25}"]);
        foreach (var (path, distance) in plain)
        {
            var expected = path.StartsWith("image_encoder.", StringComparison.Ordinal) ? distance / 4 : distance;
            Assert.Equal(expected, slowed[path], tolerance: 1e-3 * distance);
        }
    }

    [Fact]
    public void Of_several_prefixes_the_longest_counts_in_any_order()
    {
        string[] one = ["stages[0].steps=1", "stages[0].batch=2", "stages[0].warm_up=0", "stages[0].weight_decay=0", "stages[0].average_decay=0"];
        var plain = Moved(one);
        foreach (var factors in new[] { "{\"image_encoder.\": 0.25, \"image_encoder.stem.\": 0.5}", "{\"image_encoder.stem.\": 0.5, \"image_encoder.\": 0.25}" })
        {
            foreach (var (path, distance) in Moved([.. one, $"stages[0].learning_rate_factors={factors}"]))
            {
                var factor = path.StartsWith("image_encoder.stem.", StringComparison.Ordinal) ? 0.5 : path.StartsWith("image_encoder.", StringComparison.Ordinal) ? 0.25 : 1;
                Assert.Equal(factor * plain[path], distance, tolerance: 1e-3 * plain[path]);
            }
        }
    }

    [Fact]
    public void A_plan_leaves_the_weights_alone_and_chooses_a_batch()
    {
        using var folder = _place.Folder();
        using var trainer = new GroundingTrainer(TinyRun.Recipe("stages[0].batch=0", "stages[1].batch=0"), folder);
        var before = TinyRun.Weights(trainer.Model);
        var plan = trainer.Plan(available: 200L << 20);
        Assert.All(plan.Stages, stage => Assert.InRange(stage.Batch, 2, 64));
        Assert.All(plan.Stages, stage => Assert.True(stage.PeakBytes <= plan.AvailableBytes && stage.Duration > TimeSpan.Zero));
        Assert.Equal(plan.Stages.Select(stage => stage.Batch), trainer.Recipe.Stages.Select(stage => stage.Batch));
        Assert.Equal(before, TinyRun.Weights(trainer.Model));
        Assert.False(Directory.Exists(folder.Path));
    }

    /// <summary>What is measured with one and two pictures holds for eight: else the largest batch that fits would not.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void The_memory_of_a_plan_is_what_a_step_takes(int index)
    {
        const int Batch = 8;
        var recipe = TinyRun.Recipe($"stages[{index}].batch={Batch}");
        using var trainer = new GroundingTrainer(recipe, _place.Folder());
        var plan = trainer.Plan();
        var weights = 4 * trainer.Model.Parameters.Count;
        var planned = plan.Stages[index].PeakBytes - plan.ParameterBytes - plan.PictureBytes + weights; // a step without moments and average, but with gradients
        var runner = new TrainingStepRunner(trainer.Model, trainer.Processor, trainer.Model.Config, recipe.Stages[index], recipe.Seed, index);
        using var loader = new StageLoader(new SampleMixture([(trainer.Train[0], 1)]), recipe.Stages[index], recipe.Seed, index, 16);
        var samples = loader.Next(Batch);
        var before = NativePool.Shared.LiveBytes;
        runner.Rehearse(samples);
        NativePool.Shared.ResetPeak();
        runner.Rehearse(samples);
        var taken = NativePool.Shared.PeakBytes - before;
        trainer.Model.Parameters.ClearGradients();
        Assert.True(taken <= 1.1 * planned && taken >= 0.5 * planned, $"{taken:N0} bytes taken, {planned:N0} planned"); // planned by large samples; others have a third of the phrases
    }

    [Fact]
    public void A_plan_with_little_memory_chooses_single_pictures()
    {
        using var trainer = new GroundingTrainer(TinyRun.Recipe("stages[1].batch=0"), _place.Folder());
        Assert.Equal(1, trainer.Plan(available: 1 << 20).Stages[1].Batch);
    }

    /// <summary>Four processes on one machine have a quarter of its memory each, and of a batch of 8 two pictures.</summary>
    [Fact]
    public void A_plan_is_that_of_one_of_the_processes_that_share_the_machine()
    {
        TrainingPlan Plan(RunFolder folder, int batch)
        {
            using var trainer = new GroundingTrainer(TinyRun.Recipe($"stages[1].batch={batch}", "stages[1].accumulate=1"), folder);
            return trainer.Plan();
        }

        var (alone, shared) = (Plan(new RunFolder("never-made"), 8), Plan(new RunFolder("never-made", new Neighbours(4)), 8));
        Assert.Equal(alone.AvailableBytes / 4, shared.AvailableBytes);
        Assert.InRange(alone.Stages[1].PeakBytes - shared.Stages[1].PeakBytes, 5 * shared.Stages[1].BytesPerPicture, 7 * shared.Stages[1].BytesPerPicture);
        using var trainer = new GroundingTrainer(TinyRun.Recipe("stages[1].batch=0", "stages[1].accumulate=1"), new RunFolder("never-made", new Neighbours(4)));
        Assert.Equal(4, trainer.Plan(available: 1 << 20).Stages[1].Batch); // a picture each, where not even that fits
    }

    [Fact]
    public void A_loss_that_is_not_finite_stops_with_its_step_and_samples()
    {
        using var folder = _place.Folder();
        using var trainer = new GroundingTrainer(TinyRun.Recipe(Short), folder);
        var watcher = new Watcher(step =>
        {
            if (step is { Stage: 1, Step: 3 }) trainer.Model.Parameters["head.box.bias"].Value.AsSpan<float>().Fill(float.NaN);
        });
        var error = Assert.Throws<SightlineException>(() => trainer.Run(watcher, CancellationToken.None));
        Assert.Equal(ErrorKind.RunStopped, error.Kind);
        Assert.StartsWith("stage 2, step 4: the loss is NaN; samples: scenes #", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("the last checkpoint, stage01-step0000002.safetensors, is good", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, folder.LatestCheckpoint()!.Step);
    }

    [Fact]
    public void A_run_that_stops_before_it_saved_promises_no_checkpoint()
    {
        using var folder = _place.Folder();
        using var trainer = new GroundingTrainer(TinyRun.Recipe(Short), folder);
        var watcher = new Watcher(_ => trainer.Model.ContrastLogScale.AsSpan<float>().Fill(float.NaN));
        var error = Assert.Throws<SightlineException>(() => trainer.Run(watcher, CancellationToken.None));
        Assert.StartsWith("stage 1, step 2: ", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("; nothing had been saved yet", error.Message, StringComparison.Ordinal);
        Assert.Null(folder.LatestCheckpoint());
    }

    [Theory]
    [InlineData("freeze", "stages[1].freeze=[\"nothing.such\"]")]
    [InlineData("learning_rate_factors", "stages[1].learning_rate_factors={\"nothing.such\": 2}")]
    public void A_prefix_that_names_nothing_is_refused(string key, string setting)
    {
        using var folder = _place.Folder();
        using var trainer = new GroundingTrainer(TinyRun.Recipe([.. Short, setting]), folder);
        var error = Assert.Throws<SightlineException>(() => trainer.Run(new Watcher(), CancellationToken.None));
        Assert.Equal(ErrorKind.BadRecipe, error.Kind);
        Assert.Contains($"{key} names 'nothing.such'", error.Message, StringComparison.Ordinal);
    }

    private byte[] Train(string name, string[] overrides, Watcher? watcher = null)
    {
        using var folder = _place.Folder(name);
        using var trainer = new GroundingTrainer(TinyRun.Recipe(overrides), folder);
        return TinyRun.ModelBytes(trainer.Run(watcher ?? new Watcher(), CancellationToken.None));
    }

    /// <summary>Root mean square distance that each parameter moved in one optimizer step of the first stage.</summary>
    private Dictionary<string, double> Moved(string[] overrides)
    {
        var recipe = TinyRun.Recipe(overrides);
        using var trainer = new GroundingTrainer(recipe, _place.Folder());
        var before = TinyRun.Weights(trainer.Model);
        using var state = new StageState(recipe.Stages[0], 0, trainer.Model.Parameters.All);
        var stage = recipe.Stages[0];
        using var loader = new StageLoader(new SampleMixture([(trainer.Train[0], 1)]), stage, recipe.Seed, 0, 0);
        new TrainingStepRunner(trainer.Model, trainer.Processor, trainer.Model.Config, stage, recipe.Seed, 0).Run(state, loader);
        return TinyRun.Weights(trainer.Model).ToDictionary(
            entry => entry.Key, entry => Math.Sqrt(entry.Value.Zip(before[entry.Key], (a, b) => Math.Pow(a - b, 2)).Average()));
    }
}
