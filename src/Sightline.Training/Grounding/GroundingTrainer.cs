using Sightline.Models.Fusion;
using Sightline.Training.Distributed;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Grounding;

/// <summary>
/// Trains a fusion model by a recipe: contrastive pre-training, then boxes. Linear on purpose: open the stage, repeat (draw,
/// forward, backward, clip, update), measure, save (<see cref="RunLoop"/>). Departures from the usual: the order of samples and every random draw
/// depend on the step number alone, so nothing but weights, moments, averages and two counters is saved.
/// </summary>
public sealed class GroundingTrainer : IDisposable
{
    private const int SamplesCompared = 8;
    private readonly FusionConfig _config;
    private readonly FusionModel _model;
    private readonly FusionProcessor _processor;
    private readonly IReadOnlyList<ISampleSource> _validation;
    private readonly IReadOnlyList<ISampleSource> _train;
    private readonly IReadOnlyList<(ISampleSource Source, double Weight)> _drawn;
    private readonly RunFolder _folder;
    private readonly TimeProvider _clock;
    private readonly PictureMemory _pictures;
    private TrainingRecipe _recipe;

    /// <summary>Opens the data, makes the model and checks that everything fits; trains nothing yet.</summary>
    public GroundingTrainer(TrainingRecipe recipe, RunFolder folder, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        _recipe = recipe;
        _folder = folder;
        _clock = clock ?? TimeProvider.System;
        _config = recipe.Model.ToConfig();
        RecipeChecks.RequireFolder(recipe.Model.TextEncoderFrom is null ? "tokenizer" : "text_encoder_from", recipe.Model.TokenizerFolder(), $"the recipe '{recipe.Name}'");
        var tokenizer = Text.Tokenizer.Load(recipe.Model.TokenizerFolder());
        if (tokenizer.VocabularySize > _config.VocabSize)
            throw new SightlineException(ErrorKind.BadRecipe, $"the tokenizer {recipe.Model.TokenizerFolder()} has {tokenizer.VocabularySize} entries, the model only {_config.VocabSize}");
        _processor = new FusionProcessor(_config, tokenizer);
        _pictures = new PictureMemory((long)recipe.PictureMemory << 20);
        _train = [.. recipe.Train.Select(source => Open(source, training: true))];
        _drawn = [.. recipe.Train.Zip(_train, (source, opened) => (WithAbsent(source, opened), source.Weight))];
        _validation = [.. recipe.Validation.Select(source => Open(source, training: false))];
        _model = ModelStart.Create(_config, recipe.Model, recipe.Seed);
    }

    /// <summary>The model as it stands.</summary>
    public FusionModel Model => _model;

    /// <summary>Its preprocessor.</summary>
    public FusionProcessor Processor => _processor;

    /// <summary>The training sources.</summary>
    public IReadOnlyList<ISampleSource> Train => _train;

    /// <summary>The validation sources.</summary>
    public IReadOnlyList<ISampleSource> Validation => _validation;

    /// <summary>The recipe as it is trained: after <see cref="Plan"/>, with the batches that were chosen.</summary>
    public TrainingRecipe Recipe => _recipe;

    /// <summary>
    /// Measures memory and time of every stage on its own first samples, and chooses the batch where the recipe leaves it open. Weights
    /// stay as they are.
    /// </summary>
    /// <param name="available">Memory that may be used, in bytes; null: what the runtime says.</param>
    public TrainingPlan Plan(long? available = null)
    {
        var plan = TrainingPlanner.Make(_recipe, _model.Parameters.Count, Measure, PictureBytes(), available, _folder.Ranks);
        _recipe = plan.Apply(_recipe);
        return plan;
    }

    /// <summary>Runs all stages from where the folder's last checkpoint stands, or from the start.</summary>
    /// <param name="observer">Told of every step.</param>
    /// <param name="cancellationToken">Saves a checkpoint and returns with <see cref="TrainingOutcome.Completed"/> false.</param>
    /// <exception cref="SightlineException">RunStopped: the loss is not finite; the message names metric, step and samples.</exception>
    public TrainingOutcome Run(ITrainingObserver observer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(observer);
        RankFingerprints.RequireSameData(_folder.Ranks, _train.Concat(_validation).OfType<PictureSource>().Select(source => (source.Name, RankFingerprints.Of(source.Data))));
        if (_recipe.Stages.Any(stage => stage.Batch == 0)) Plan();
        var loop = new RunLoop(_recipe, _folder, _clock) { Data = Marks };
        var scores = loop.Run(
            (index, resumed) => new Stage(this, index, resumed, () => loop.Saved),
            () => FusionFolder.Save(_folder.ModelFolder, _model, _recipe.Model.TokenizerFolder()),
            MeasureSaved,
            observer,
            cancellationToken);
        return new TrainingOutcome(scores is not null, _folder.ModelFolder, scores ?? []);
    }

    /// <summary>Measures the model as it stands on all validation sources, quickly: <see cref="GroundingEvaluator"/>.</summary>
    public IReadOnlyList<GroundingScore> Validate(CancellationToken cancellationToken)
    {
        var evaluator = new GroundingEvaluator(_model, _processor) { Ranks = _folder.Ranks };
        return [.. _validation.Select(source => evaluator.Evaluate(source, cancellationToken))];
    }

    private IReadOnlyList<GroundingScore> MeasureSaved(CancellationToken cancellationToken) =>
        FinalMeasurement.Of(_folder.ModelFolder, _validation, _recipe.Seed, _folder.Ranks, cancellationToken);

    /// <summary>Frees the model.</summary>
    public void Dispose() => _model.Dispose();

    /// <summary>What people should know of the data before hours of training, one sentence each.</summary>
    public IReadOnlyList<string> Warnings() => [.. Sources().DistinctBy(one => one.Recipe.Pictures?.Path).Select(one => SourceMark.WarningOf(one.Part, one.Recipe.Name, one.Recipe.Pictures?.Path, one.Source)).OfType<string>()];

    private IReadOnlyList<SourceMark> Marks() =>
        [.. Sources().Select(one => SourceMark.Of(one.Part, one.Recipe.Name, one.Recipe.Pictures?.Path, one.Source, one.Source.Count)).OfType<SourceMark>()];

    private IEnumerable<(string Part, SourceRecipe Recipe, ISampleSource Source)> Sources() =>
        _recipe.Train.Zip(_train, (recipe, source) => ("train", recipe, source)).Concat(_recipe.Validation.Zip(_validation, (recipe, source) => ("validation", recipe, source)));

    private ISampleSource Open(SourceRecipe source, bool training) => source.Scenes is { } scenes
        ? new SceneSource(source.Name, scenes, _recipe.Seed + (training ? 0UL : 0x5EED), _processor, endless: training)
        : new PictureSource(source.Name, source.Pictures!, _recipe.Seed, _processor, training, _pictures);

    private ISampleSource WithAbsent(SourceRecipe source, ISampleSource opened) =>
        source.AbsentPhrases == 0 ? opened : new AbsentPhrases(opened, source, _train.Where(other => other != opened), _recipe.Seed);

    private SampleMixture SourcesOf(StageRecipe recipe) =>
        new(recipe.Sources.Count == 0 ? _drawn : [.. _drawn.Where(entry => recipe.Sources.Contains(entry.Source.Name))]);

    /// <summary>What decoded pictures will take at most.</summary>
    private long PictureBytes() => Math.Min(_pictures.Limit, _train.Concat(_validation).OfType<PictureSource>().Sum(source => source.LargestPictureBytes));

    /// <summary>Seconds of a forward and backward pass of a stage at a batch size.</summary>
    private double Measure(int index, int batch, bool largest)
    {
        var recipe = _recipe.Stages[index] with { Batch = largest ? Math.Max(batch, SamplesCompared) : batch, Accumulate = 1 };
        StageState.Freeze(recipe, index, _model.Parameters.All);
        using var loader = new StageLoader(SourcesOf(recipe), recipe, _recipe.Seed, index, firstStep: 0);
        var samples = loader.Next(recipe.Batch);
        if (largest) samples = [.. samples.OrderByDescending(sample => sample.Phrases.Length).ThenByDescending(sample => sample.Objects.Length).Take(batch)];
        var from = _clock.GetTimestamp();
        new TrainingStepRunner(_model, _processor, _config, recipe, _recipe.Seed, index).Rehearse(samples);
        var seconds = _clock.GetElapsedTime(from).TotalSeconds;
        _model.Parameters.ClearGradients();
        return seconds;
    }

    /// <summary>A stage of the recipe, opened where a checkpoint stands.</summary>
    private sealed class Stage : IRunStage
    {
        private readonly GroundingTrainer _trainer;
        private readonly StageRecipe _recipe;
        private readonly StageLoader _loader;
        private readonly TrainingStepRunner _step;

        public Stage(GroundingTrainer trainer, int index, RunCheckpoint? resumed, Func<string?> saved)
        {
            _trainer = trainer;
            _recipe = trainer._recipe.Stages[index];
            State = new StageState(_recipe, index, trainer._model.Parameters.All, ranks: trainer._folder.Ranks);
            resumed?.Restore(State);
            _step = new TrainingStepRunner(trainer._model, trainer._processor, trainer._config, _recipe, trainer._recipe.Seed, index, saved, trainer._folder.Ranks);
            _loader = new StageLoader(trainer.SourcesOf(_recipe), _recipe, trainer._recipe.Seed, index, State.Step, trainer._folder.Ranks);
        }

        public StageState State { get; }

        public string Kind => _recipe.Kind.ToString();

        public int SamplesAStep => _recipe.Batch * _recipe.Accumulate;

        public TimeSpan Waited => _loader.Waited;

        public int MostRollbacks => 0;

        public IReadOnlyDictionary<string, float> RunStep(CancellationToken cancellation) => _step.Run(State, _loader);

        public IReadOnlyList<IMeasurement> Measure(CancellationToken cancellation) => _trainer.Validate(cancellation);

        public void Dispose()
        {
            _loader.Dispose();
            State.Dispose();
        }
    }
}
