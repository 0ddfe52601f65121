using System.Text.Json;
using System.Text.Json.Nodes;
using Sightline.Training.Recipes;

namespace Sightline.Training.Experiments;

/// <summary>
/// A comparison of supervised tuning with reinforcement on the same few problems: which model, which problems, how many of them, and one stage of each kind. Unknown
/// keys are errors.
/// </summary>
public sealed record FewShotRecipe
{
    /// <summary>What is compared, for the report.</summary>
    public required string Name { get; set; }

    /// <summary>The model that every run starts from.</summary>
    public required LanguageModelRecipe Model { get; set; }

    /// <summary>The problems that the few are drawn from.</summary>
    public required ProblemSourceRecipe Train { get; set; }

    /// <summary>The problems that models are measured on.</summary>
    public required ProblemSourceRecipe Test { get; set; }

    /// <summary>How many problems of each subject are trained on.</summary>
    public IReadOnlyList<int> Shots { get; set; } = [4, 8, 16];

    /// <summary>Runs of each kind and number of shots; each has its own problems and its own chance.</summary>
    public int Seeds { get; set; } = 5;

    /// <summary>Seed of the first run.</summary>
    public ulong Seed { get; set; } = 1;

    /// <summary>How often a run is measured on its way, its end included.</summary>
    public int Measurements { get; set; } = 4;

    /// <summary>Tuning by rewards.</summary>
    public required LanguageStageRecipe Reinforcement { get; set; }

    /// <summary>Tuning by the given answers; its steps are chosen so that it takes as long.</summary>
    public required LanguageStageRecipe Supervised { get; set; }

    /// <summary>Values to put in place of the others for a quick look, as <c>--set</c> takes them.</summary>
    public IReadOnlyList<string> Quick { get; set; } = [];

    /// <summary>Reads and checks a recipe.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isQuick">Whether <see cref="Quick"/> counts.</param>
    /// <param name="overrides">More values to put in place of the file's.</param>
    /// <exception cref="SightlineException">NotFound; BadRecipe: not JSON, an unknown key, a value out of range.</exception>
    public static FewShotRecipe Read(string path, bool isQuick = false, IReadOnlyList<string>? overrides = null)
    {
        if (!File.Exists(path)) throw new SightlineException(ErrorKind.NotFound, $"there is no recipe at {path}");
        var text = File.ReadAllText(path);
        try
        {
            var recipe = Parse(text, path);
            string[] all = [.. isQuick ? recipe.Quick : [], .. overrides ?? []];
            if (all.Length > 0)
            {
                var root = JsonNode.Parse(text, documentOptions: RecipeReader.Lenient)!.AsObject();
                foreach (var assignment in all) RecipeOverride.Apply(root, assignment);
                recipe = Parse(root.ToJsonString(), $"{path} with --set");
            }

            recipe.Check(path);
            return recipe;
        }
        catch (JsonException error)
        {
            throw new SightlineException(ErrorKind.BadRecipe, $"{path}: {RecipeProblem.Explain(error)}", error);
        }
    }

    /// <summary>The recipe as it was understood, all defaults written out.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RecipeJson.Default.FewShotRecipe);

    /// <summary>The run of one kind with these problems left to choose.</summary>
    internal LanguageRecipe ToRun(LanguageStageRecipe stage, ulong seed) =>
        new() { Name = Name, Seed = seed, Model = Model, Train = [Train], Validation = [Test], Stages = [stage] };

    private static FewShotRecipe Parse(string text, string where)
    {
        RecipeValues.Require(text, RecipeJson.Default.FewShotRecipe, where);
        return JsonSerializer.Deserialize(text, RecipeJson.Default.FewShotRecipe) ?? throw new SightlineException(ErrorKind.BadRecipe, $"{where}: the recipe is empty");
    }

    private void Check(string where)
    {
        void Require(bool holds, string problem)
        {
            if (!holds) throw new SightlineException(ErrorKind.BadRecipe, $"{where}: {problem}");
        }

        Require(Shots.Count > 0 && Shots.All(shots => shots > 0) && Shots.Distinct().Count() == Shots.Count, "shots lists numbers of problems from 1, each once");
        Require(Seeds > 0 && Measurements > 0, "seeds and measurements must be positive");
        Require(Reinforcement.Kind == LanguageStageKind.Reinforcement && Supervised.Kind == LanguageStageKind.Supervised, "reinforcement and supervised are stages of those kinds");
        foreach (var stage in new[] { Reinforcement, Supervised })
        {
            Require(stage.Rewards.Count > 0, $"{stage.Kind} lists no rewards: the first one is what models are measured by");
            Require(stage.Batch > 0, $"{stage.Kind}: batch must be given, so that runs do not depend on free memory");
            LanguageRecipeChecks.Check(ToRun(stage, Seed), where);
        }
    }
}
