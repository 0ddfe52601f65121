using Sightline.Training.Distributed;
using Sightline.Training.Recipes;
using Sightline.Training.Reporting;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>Tunes a vision-language model by a recipe: supervised stages (<c>SupervisedStage</c>) and stages of reinforcement (<c>PolicyStage</c>) in one run, resumable at any moment.</summary>
public sealed class PolicyTrainer : IDisposable
{
    private readonly RunFolder _folder;
    private readonly TimeProvider _clock;
    private RunParts _parts;

    /// <summary>Opens the problems and the model and checks that everything fits; trains nothing yet.</summary>
    /// <exception cref="SightlineException">What is missing or does not fit.</exception>
    public PolicyTrainer(LanguageRecipe recipe, RunFolder folder, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(folder);
        (_folder, _clock) = (folder, clock ?? TimeProvider.System);
        for (var i = 0; i < recipe.Stages.Count; i++) _ = new AnswerScorer(recipe.Stages[i].Rewards, $"stages[{i}]"); // unknown names before anything is read
        _parts = RunParts.Open(recipe, _clock);
    }

    /// <summary>The recipe as it is trained: after <see cref="Plan"/>, with the batches that were chosen.</summary>
    public LanguageRecipe Recipe => _parts.Recipe;

    /// <summary>The model as it stands.</summary>
    public TunedModel Model => _parts.Model;

    /// <summary>What people should know of the problems before hours of training, one sentence each.</summary>
    public IReadOnlyList<string> Warnings()
    {
        var template = Model.Processor.Template.Source;
        return Path.GetFileName(template) == "tokenizer_config.json" ? [$"the model has no chat template of its own (chat_template.jinja or chat_template.json): the one in {template} is used", .. _parts.Warnings()] : _parts.Warnings();
    }

    /// <summary>
    /// Measures memory and time of every stage on its own first problem, and chooses the batch where the recipe leaves it open. Weights stay as they are.
    /// </summary>
    /// <param name="available">Memory that may be used, in bytes; null: what the runtime says.</param>
    public TuningPlan Plan(long? available = null)
    {
        var plan = TuningPlanner.Make(_parts with { Ranks = _folder.Ranks }, available);
        _parts = _parts with { Recipe = plan.Apply(_parts.Recipe) };
        return plan;
    }

    /// <summary>Samples answers to the first problems of the first stage of reinforcement and looks whether there is something to learn from. Trains nothing.</summary>
    /// <param name="problems">How many problems.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="SightlineException">Usage: the recipe has no such stage.</exception>
    public PreflightReport Preflight(int problems, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(problems);
        var index = Enumerable.Range(0, Recipe.Stages.Count).FirstOrDefault(i => Recipe.Stages[i].Kind == LanguageStageKind.Reinforcement, -1);
        return index < 0
            ? throw new SightlineException(ErrorKind.Usage, $"the recipe '{Recipe.Name}' has no stage of kind Reinforcement: there are no answers to try")
            : Reinforcement.Preflight.Run(_parts, index, problems, cancellationToken);
    }

    /// <summary>Runs all stages from where the folder's last checkpoint stands, or from the start.</summary>
    /// <param name="observer">Told of every step.</param>
    /// <param name="cancellationToken">Saves a checkpoint and returns with <see cref="TrainingOutcome.Completed"/> false; a step that has not changed any weight yet is given up.</param>
    /// <exception cref="SightlineException">RunStopped: a tripwire; the message names stage, step, figure and limit.</exception>
    public TrainingOutcome Run(ITrainingObserver observer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(observer);
        RankFingerprints.RequireSameData(_folder.Ranks, _parts.Train.Concat(_parts.Validation).Select(source => (source.Name, RankFingerprints.Of(source))));
        if (Recipe.Stages.Any(stage => stage.Batch == 0)) Plan();
        using var log = _folder.Ranks.IsRoot ? new RolloutLog(_folder.Path, _folder.LatestCheckpoint()) : null;
        var parts = _parts with { Log = log, Ranks = _folder.Ranks };
        var loop = new RunLoop(parts.Recipe, _folder, _clock) { Data = parts.Marks };
        var scores = loop.Run(
            (index, resumed) => parts.Recipe.Stages[index].Kind == LanguageStageKind.Supervised ? new SupervisedStage(parts, index, resumed) : new PolicyStage(parts, index, resumed),
            () => parts.Model.Save(_folder.ModelFolder),
            measure: null,
            new Rewinding(observer, log),
            cancellationToken);
        return new TrainingOutcome(scores is not null, _folder.ModelFolder, scores ?? []);
    }

    /// <summary>Writes <c>rollouts.html</c>, the page of the answers that were kept, and returns its path.</summary>
    public string WriteRollouts()
    {
        var page = Path.Combine(_folder.Path, "rollouts.html");
        RolloutViewer.Write(page, Recipe.Name, Path.Combine(_folder.Path, RolloutLog.FileName), (source, id) => _parts.Train.FirstOrDefault(known => known.Name == source)?.Find(id));
        return page;
    }

    /// <summary>Frees the model.</summary>
    public void Dispose() => _parts.Model.Dispose();

    /// <summary>Takes back what was kept of steps that a rollback undid.</summary>
    private sealed class Rewinding(ITrainingObserver observer, RolloutLog? log) : ITrainingObserver
    {
        public void OnStep(TrainingStep step) => observer.OnStep(step);

        public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores) => observer.OnValidation(stage, step, scores);

        public void OnCheckpoint(string folder) => observer.OnCheckpoint(folder);

        public void OnRollback(RunCheckpoint from, string reason)
        {
            log?.Rewind(from);
            observer.OnRollback(from, reason);
        }
    }
}
