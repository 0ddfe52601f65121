using Sightline.Training.Data;
using Sightline.Training.Recipes;
using Sightline.Training.Reporting;

namespace Sightline.Training.Reinforcement;

/// <summary>What all stages of a run share.</summary>
/// <param name="Recipe">The recipe as it is trained.</param>
/// <param name="Model">The model.</param>
/// <param name="Train">The training sources, in the recipe's order.</param>
/// <param name="Validation">The validation sources.</param>
/// <param name="Clock">For durations.</param>
internal sealed record RunParts(LanguageRecipe Recipe, TunedModel Model, IReadOnlyList<IProblemSource> Train, IReadOnlyList<IProblemSource> Validation, TimeProvider Clock)
{
    /// <summary>From problems to tokens.</summary>
    public ProblemReading Reading { get; } = new(Model);

    /// <summary>Answers that are kept for the viewer; null where nothing is to be written.</summary>
    public RolloutLog? Log { get; init; }

    /// <summary>The problems that a stage draws from.</summary>
    public ProblemMixture ProblemsOf(LanguageStageRecipe stage) => new(
        [.. Recipe.Train.Zip(Train).Where(pair => stage.Sources.Count == 0 || stage.Sources.Contains(pair.First.Name)).Select(pair => (pair.Second, pair.First.Weight))], Recipe.Seed);
}
