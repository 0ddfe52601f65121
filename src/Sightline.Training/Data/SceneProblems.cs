using System.Globalization;
using Sightline.Geometry;
using Sightline.Training.Expressions;
using Sightline.Training.Recipes;
using Sightline.Training.Scenes;

namespace Sightline.Training.Data;

/// <summary>Generated scenes as problems: phrases that mean one object each. A problem depends on recipe, seed and number, on nothing else.</summary>
public sealed class SceneProblems : IProblemSource
{
    private const int Attempts = 16; // scenes that are tried until one has a phrase for exactly one object
    private const int Candidates = 4; // phrases that are made for each that is asked
    private readonly SceneProblemRecipe _recipe;
    private readonly SceneGenerator _generator;
    private readonly PhraseProblems _asking;

    /// <summary>Scenes as a recipe says; the seed of the run and that of the recipe together decide which.</summary>
    /// <exception cref="SightlineException">BadRecipe: scenes that the generator cannot make.</exception>
    public SceneProblems(string name, SceneProblemRecipe recipe, ulong seed, PhraseProblems asking)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(asking);
        (Name, _recipe, _asking) = (name, recipe, asking);
        _generator = new SceneGenerator(recipe.ToOptions(Candidates), (seed * 1_000_003) + recipe.Seed);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _recipe.Count;

    /// <inheritdoc/>
    public Problem? Find(string id) => int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < Count ? Get(index) : null; // the ids are the numbers

    /// <inheritdoc/>
    public Problem Get(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var scene = _generator.GenerateScene(((long)index * Attempts) + attempt);
            var questions = scene.Expressions.Where(expression => expression.Kind != ExpressionKind.Absent && expression.Targets.Count == 1)
                .DistinctBy(expression => expression.Targets[0])
                .Take(_recipe.Questions)
                .Select(expression => (expression.Phrase, (IReadOnlyList<Box>)[scene.Objects[expression.Targets[0]].Box])).ToList();
            if (questions.Count == 0) continue;
            var id = index.ToString(CultureInfo.InvariantCulture);
            return _asking.Make(id, ProblemPicture.FromPixels($"scene {id}", () => scene.Picture), (scene.Picture.Width, scene.Picture.Height), questions);
        }

        throw new SightlineException(ErrorKind.BadRecipe, $"source '{Name}': no phrase means a single object in {Attempts} scenes: allow more shapes and colours, or fewer objects");
    }
}
