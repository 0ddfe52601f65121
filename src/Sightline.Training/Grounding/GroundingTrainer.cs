using Sightline.Models.Fusion;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>
/// Trains a fusion model by a recipe: contrastive pre-training, then boxes. Linear on purpose: open the stage, repeat (draw,
/// forward, backward, clip, update), measure, save. Departures from the usual: the order of samples and every random draw
/// depend on the step number alone, so nothing but weights, moments, averages and two counters is saved.
/// </summary>
public sealed class GroundingTrainer : IDisposable
{
    private readonly TrainingRecipe _recipe;
    private readonly FusionConfig _config;
    private readonly FusionModel _model;
    private readonly FusionProcessor _processor;
    private readonly IReadOnlyList<ISampleSource> _validation;
    private readonly IReadOnlyList<(ISampleSource Source, double Weight)> _train;
    private readonly RunFolder _folder;
    private readonly TimeProvider _clock;

    /// <summary>Opens the data, makes the model and checks that everything fits; trains nothing yet.</summary>
    public GroundingTrainer(TrainingRecipe recipe, RunFolder folder, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        _recipe = recipe;
        _folder = folder;
        _clock = clock ?? TimeProvider.System;
        _config = recipe.Model.ToConfig();
        var tokenizer = Text.Tokenizer.Load(recipe.Model.Tokenizer);
        if (tokenizer.VocabularySize > _config.VocabSize)
            throw new SightlineException(ErrorKind.BadRecipe, $"the tokenizer {recipe.Model.Tokenizer} has {tokenizer.VocabularySize} entries, the model only {_config.VocabSize}");
        _processor = new FusionProcessor(_config, tokenizer);
        _train = [.. recipe.Train.Select(source => (Open(source, training: true), source.Weight))];
        _validation = [.. recipe.Validation.Select(source => Open(source, training: false))];
        _model = ModelStart.Create(_config, recipe.Model, recipe.Seed);
    }

    /// <summary>The model as it stands.</summary>
    public FusionModel Model => _model;

    /// <summary>Its preprocessor.</summary>
    public FusionProcessor Processor => _processor;

    /// <summary>The validation sources.</summary>
    public IReadOnlyList<ISampleSource> Validation => _validation;

    /// <summary>Runs all stages from where the folder's last checkpoint stands, or from the start.</summary>
    /// <param name="observer">Told of every step.</param>
    /// <param name="cancellationToken">Saves a checkpoint and returns with <see cref="TrainingOutcome.Completed"/> false.</param>
    /// <exception cref="SightlineException">RunStopped: the loss is not finite; the message names metric, step and samples.</exception>
    public TrainingOutcome Run(ITrainingObserver observer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(observer);
        var resumed = _folder.LatestCheckpoint();
        IReadOnlyList<GroundingScore> scores = [];
        for (var index = resumed?.Stage ?? 0; index < _recipe.Stages.Count; index++)
        {
            using var stage = new StageState(_recipe, index, _model);
            if (resumed is not null)
            {
                resumed.Restore(stage);
                resumed = null;
            }

            if (!RunStage(stage, observer, cancellationToken)) return new TrainingOutcome(false, _folder.ModelFolder, scores);
            stage.Average?.Swap(); // the next stage starts from the averaged weights
            if (index == _recipe.Stages.Count - 1)
            {
                scores = Validate(index, stage.Recipe.Steps, observer, cancellationToken);
                FusionFolder.Save(_folder.ModelFolder, _model, _recipe.Model.Tokenizer);
            }
        }

        return new TrainingOutcome(true, _folder.ModelFolder, scores);
    }

    /// <summary>Measures the model as it stands on all validation sources.</summary>
    public IReadOnlyList<GroundingScore> Validate(CancellationToken cancellationToken)
    {
        var evaluator = new GroundingEvaluator(_model, _processor);
        return [.. _validation.Select(source => evaluator.Evaluate(source, cancellationToken))];
    }

    /// <summary>
    /// Measures what the run will need on its own first samples, with forward and backward passes that change nothing. A
    /// stage whose batch is 0 gets the largest that fits.
    /// </summary>
    /// <param name="availableBytes">Memory that may be used; null: what the runtime says.</param>
    public TrainingPlan Plan(long? availableBytes = null)
    {
        var plan = TrainingPlanner.Make(_recipe, _model.Parameters.Count, Measure, availableBytes);
        _model.Parameters.ClearGradients();
        return plan;
    }

    /// <summary>Frees the model.</summary>
    public void Dispose() => _model.Dispose();

    /// <summary>Seconds of forward and backward of a stage at a batch size.</summary>
    private double Measure(int index, int batch)
    {
        var recipe = _recipe.Stages[index] with { Batch = batch };
        using var loader = new StageLoader(new SampleMixture(SourcesOf(recipe)), recipe, _recipe.Seed, index, 0);
        var samples = loader.Next();
        var step = new TrainingStepRunner(_model, _processor, _config, recipe, _recipe.Seed, index);
        var start = _clock.GetTimestamp();
        step.ForwardBackward(samples, new Tensors.RandomStream(_recipe.Seed), 0);
        return _clock.GetElapsedTime(start).TotalSeconds;
    }

    private IReadOnlyList<(ISampleSource Source, double Weight)> SourcesOf(StageRecipe recipe) =>
        recipe.Sources.Count == 0 ? _train : [.. _train.Where(entry => recipe.Sources.Contains(entry.Source.Name))];

    private ISampleSource Open(SourceRecipe source, bool training) => source.Scenes is { } scenes
        ? new SceneSource(source.Name, scenes, _recipe.Seed + (training ? 0UL : 0x5EED), _processor, endless: training)
        : new PictureSource(source.Name, source.Pictures!, _recipe.Seed, _processor, training);

    /// <summary>False when cancelled (a checkpoint has then been saved).</summary>
    private bool RunStage(StageState stage, ITrainingObserver observer, CancellationToken cancellationToken)
    {
        var recipe = stage.Recipe;
        var step = new TrainingStepRunner(_model, _processor, _config, recipe, _recipe.Seed, stage.Index);
        using var loader = new StageLoader(new SampleMixture(SourcesOf(recipe)), recipe, _recipe.Seed, stage.Index, stage.Step);
        var speed = new SpeedMeter(_clock);
        while (stage.Step < recipe.Steps)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                observer.OnCheckpoint(_folder.SaveCheckpoint(stage));
                return false;
            }

            var metrics = step.Run(stage, loader);
            stage.Step++;
            speed.Tick(recipe.Batch * recipe.Accumulate, loader.Waited);
            observer.OnStep(new TrainingStep(
                stage.Index, recipe.Kind, stage.Step, recipe.Steps, metrics, speed.PerSecond, speed.WaitShare, speed.Remaining(Left(stage))));
            var last = stage.Step == recipe.Steps;
            if (!last && recipe.SaveEvery > 0 && stage.Step % recipe.SaveEvery == 0) observer.OnCheckpoint(_folder.SaveCheckpoint(stage));
            if (!last && recipe.ValidateEvery > 0 && stage.Step % recipe.ValidateEvery == 0)
            {
                stage.Average?.Swap();
                Validate(stage.Index, stage.Step, observer, cancellationToken);
                stage.Average?.Swap();
                speed.Restart();
            }
        }

        return true;
    }

    private IReadOnlyList<GroundingScore> Validate(int stage, int step, ITrainingObserver observer, CancellationToken cancellationToken)
    {
        try
        {
            var scores = Validate(cancellationToken);
            observer.OnValidation(stage, step, scores);
            return scores;
        }
        catch (OperationCanceledException)
        {
            return []; // the loop sees the cancellation next and saves
        }
    }

    /// <summary>Optimizer steps left, those of later stages included.</summary>
    private int Left(StageState stage) =>
        stage.Recipe.Steps - stage.Step + _recipe.Stages.Skip(stage.Index + 1).Sum(later => later.Steps);
}
