using Sightline.Models.QwenVl;
using Sightline.Training.Data;
using Sightline.Training.Distributed;
using Sightline.Training.Recipes;
using Sightline.Training.Reporting;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>What all stages of a run share.</summary>
/// <param name="Recipe">The recipe as it is trained.</param>
/// <param name="Model">The model.</param>
/// <param name="Train">The training sources, in the recipe's order.</param>
/// <param name="Validation">The validation sources.</param>
/// <param name="Clock">For durations.</param>
internal sealed record RunParts(LanguageRecipe Recipe, TunedModel Model, IReadOnlyList<IProblemSource> Train, IReadOnlyList<IProblemSource> Validation, TimeProvider Clock)
{
    /// <summary>Opens the problems, which are read first, and the model.</summary>
    /// <exception cref="SightlineException">What is missing or does not fit.</exception>
    public static RunParts Open(LanguageRecipe recipe, TimeProvider clock)
    {
        TunedModel? model = null;
        var type = QwenVlProcessor.TypeOf(recipe.Model.Checkpoint);
        IProblemSource Problems(ProblemSourceRecipe source) => ProblemMixture.Open(source, recipe.Seed, type, (width, height) => model!.Processor.FrameOf(width, height));
        IProblemSource[] train = [.. recipe.Train.Select(Problems)], validation = [.. recipe.Validation.Select(Problems)];
        model = TunedModel.Open(recipe.Model, recipe.Seed);
        return new RunParts(recipe, model, train, validation, clock);
    }

    /// <summary>From problems to tokens.</summary>
    public ProblemReading Reading { get; } = new(Model);

    /// <summary>The processes that work on the run.</summary>
    public Communicator Ranks { get; init; } = Communicator.Alone;

    /// <summary>Answers that are kept for the viewer; null where nothing is to be written.</summary>
    public RolloutLog? Log { get; init; }

    /// <summary>What the problems are like that lie in files.</summary>
    public IReadOnlyList<SourceMark> Marks() =>
        [.. Sources().Select(one => SourceMark.Of(one.Part, one.Recipe.Name, one.Recipe.Problems ?? one.Recipe.Pictures?.Path, one.Source, one.Source.Count)).OfType<SourceMark>()];

    /// <summary>What people should know of the problems before hours of training.</summary>
    public IReadOnlyList<string> Warnings() =>
        [.. Sources().DistinctBy(one => one.Recipe.Problems ?? one.Recipe.Pictures?.Path).Select(one => SourceMark.WarningOf(one.Part, one.Recipe.Name, one.Recipe.Problems ?? one.Recipe.Pictures?.Path, one.Source)).OfType<string>()];

    private IEnumerable<(string Part, ProblemSourceRecipe Recipe, IProblemSource Source)> Sources() =>
        Recipe.Train.Zip(Train, (recipe, source) => ("train", recipe, source)).Concat(Recipe.Validation.Zip(Validation, (recipe, source) => ("validation", recipe, source)));

    /// <summary>The problems that a stage draws from.</summary>
    public ProblemMixture ProblemsOf(LanguageStageRecipe stage) => new(
        [.. Recipe.Train.Zip(Train).Where(pair => stage.Sources.Count == 0 || stage.Sources.Contains(pair.First.Name)).Select(pair => (pair.Second, pair.First.Weight))], Recipe.Seed);
}
