using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sightline.Training.Recipes;

/// <summary>Reads and checks recipes. Keys are in snake_case; comments and trailing commas are allowed.</summary>
public static class RecipeReader
{
    /// <summary>Reads a recipe.</summary>
    /// <exception cref="SightlineException">The file is missing, is not JSON, has an unknown key or a value out of range; the message names file, place and key.</exception>
    public static TrainingRecipe Read(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path}: the recipe cannot be read: {error.Message}", error);
        }

        return Parse(text, path);
    }

    /// <summary>As <see cref="Read"/>, from text; <paramref name="where"/> is named in errors.</summary>
    public static TrainingRecipe Parse(string text, string where)
    {
        try
        {
            var recipe = JsonSerializer.Deserialize(text, RecipeJson.Default.TrainingRecipe)
                ?? throw new SightlineException(ErrorKind.BadRecipe, $"{where}: the recipe is empty");
            Check(recipe, where);
            return recipe;
        }
        catch (JsonException error)
        {
            var line = error.LineNumber is { } number ? $", line {number + 1}" : "";
            throw new SightlineException(ErrorKind.BadRecipe, $"{where}{line}: {FirstSentence(error.Message)}", error);
        }
    }

    /// <summary>The recipe as it was understood, all defaults written out.</summary>
    public static string Write(TrainingRecipe recipe) => JsonSerializer.Serialize(recipe, RecipeJson.Default.TrainingRecipe);

    private static void Check(TrainingRecipe recipe, string where)
    {
        void Require(bool holds, string problem)
        {
            if (!holds) throw new SightlineException(ErrorKind.BadRecipe, $"{where}: {problem}");
        }

        Require(recipe.Name.Length > 0 && recipe.Name.IndexOfAny(Path.GetInvalidFileNameChars()) < 0, $"name '{recipe.Name}' cannot be a folder name");
        Require(recipe.Train.Count > 0, "train lists no source");
        Require(recipe.Stages.Count > 0, "stages is empty");
        var names = recipe.Train.Select(source => source.Name).ToHashSet(StringComparer.Ordinal);
        Require(names.Count == recipe.Train.Count, "two sources in train have the same name");
        foreach (var source in recipe.Train.Concat(recipe.Validation))
        {
            Require((source.Scenes is null) != (source.Pictures is null), $"source '{source.Name}' needs either scenes or pictures");
            Require(source.Weight > 0 && double.IsFinite(source.Weight), $"source '{source.Name}': weight must be positive, is {source.Weight}");
        }

        for (var i = 0; i < recipe.Stages.Count; i++) CheckStage(recipe.Stages[i], i, names, Require);
        recipe.Model.ToConfig();
    }

    private static void CheckStage(StageRecipe stage, int index, HashSet<string> sources, Action<bool, string> require)
    {
        var at = $"stages[{index}]";
        require(stage.Steps > 0, $"{at}.steps must be positive, is {stage.Steps}");
        require(stage.Batch >= 0, $"{at}.batch must not be negative, is {stage.Batch}");
        require(stage.Accumulate > 0, $"{at}.accumulate must be positive, is {stage.Accumulate}");
        require(stage.LearningRate > 0 && double.IsFinite(stage.LearningRate), $"{at}.learning_rate must be positive, is {stage.LearningRate}");
        require(stage.WarmUp >= 0, $"{at}.warm_up must not be negative");
        require(stage.WeightDecay >= 0, $"{at}.weight_decay must not be negative");
        require(stage.GradientClip > 0, $"{at}.gradient_clip must be positive");
        require(stage.AverageDecay is >= 0 and < 1, $"{at}.average_decay must be in [0, 1), is {stage.AverageDecay}");
        require(stage.MaximumPhrases > 0, $"{at}.maximum_phrases must be positive");
        foreach (var name in stage.Sources) require(sources.Contains(name), $"{at}.sources names '{name}', which train does not list");
    }

    private static string FirstSentence(string message)
    {
        var end = message.IndexOf(" Path:", StringComparison.Ordinal);
        return end > 0 ? message[..end] : message;
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    WriteIndented = true)]
[JsonSerializable(typeof(TrainingRecipe))]
internal sealed partial class RecipeJson : JsonSerializerContext;
