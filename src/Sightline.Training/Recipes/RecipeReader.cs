using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Sightline.Training.Recipes;

/// <summary>Reads and checks recipes. Keys are in snake_case; comments and trailing commas are allowed.</summary>
public static class RecipeReader
{
    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Reads a recipe.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">Values to put in place of the file's: <c>model.image_size=96</c>, <c>stages[1].learning_rate=1e-4</c>.</param>
    /// <exception cref="SightlineException">The file is missing, is not JSON, has an unknown key or a value out of range; the message names file, place and key.</exception>
    public static TrainingRecipe Read(string path, IReadOnlyList<string>? overrides = null)
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

        return Parse(text, path, overrides);
    }

    /// <summary>As <see cref="Read"/>, from text; <paramref name="where"/> is named in errors.</summary>
    public static TrainingRecipe Parse(string text, string where, IReadOnlyList<string>? overrides = null)
    {
        try
        {
            // the file by itself first: its errors have line numbers
            var recipe = JsonSerializer.Deserialize(text, RecipeJson.Default.TrainingRecipe)
                ?? throw new SightlineException(ErrorKind.BadRecipe, $"{where}: the recipe is empty");
            if (overrides is { Count: > 0 })
            {
                var root = JsonNode.Parse(text, documentOptions: Lenient)!.AsObject();
                foreach (var assignment in overrides) RecipeOverride.Apply(root, assignment);
                where += " with --set";
                recipe = root.Deserialize(RecipeJson.Default.TrainingRecipe)!;
            }

            Check(recipe, where);
            return recipe;
        }
        catch (JsonException error)
        {
            var line = error.LineNumber is { } number && overrides is not { Count: > 0 } ? $", line {number + 1}" : "";
            throw new SightlineException(ErrorKind.BadRecipe, $"{where}{line}: {Explain(error)}", error);
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
        Require(recipe.PictureMemory is >= 0 and <= 1 << 20, $"picture_memory is in MiB, 0 to {1 << 20}, not {recipe.PictureMemory}");
        var names = recipe.Train.Select(source => source.Name).ToHashSet(StringComparer.Ordinal);
        Require(names.Count == recipe.Train.Count, "two sources in train have the same name");
        foreach (var source in recipe.Train.Concat(recipe.Validation))
        {
            Require((source.Scenes is null) != (source.Pictures is null), $"source '{source.Name}' needs either scenes or pictures");
            Require(source.Weight > 0 && double.IsFinite(source.Weight), $"source '{source.Name}': weight must be positive, is {source.Weight}");
            Require(source.AbsentPhrases is >= 0 and <= SourceRecipe.MostAbsentPhrases, $"source '{source.Name}': absent_phrases must be 0 to {SourceRecipe.MostAbsentPhrases}, is {source.AbsentPhrases}");
            Require(source.AbsentFrom is null || source.AbsentPhrases > 0, $"source '{source.Name}': absent_from needs absent_phrases, how many to draw from it");
            if (source.Pictures is { } pictures) CheckPictures(source.Name, pictures, Require);
        }

        foreach (var source in recipe.Validation) Require(source.AbsentPhrases == 0, $"source '{source.Name}': absent_phrases are for training; validation asks what its own data says");

        for (var i = 0; i < recipe.Stages.Count; i++) CheckStage(recipe.Stages[i], i, names, Require);
        recipe.Model.ToConfig();
    }

    private static void CheckPictures(string name, PictureRecipe pictures, Action<bool, string> require)
    {
        require(pictures.HoldOutEvery is 0 or >= 2, $"source '{name}': hold_out_every must be 0 (nothing held out) or at least 2, is {pictures.HoldOutEvery}");
        require(pictures.HoldOutBlock > 0, $"source '{name}': hold_out_block must be positive, is {pictures.HoldOutBlock}");
        require(!pictures.HeldOutPart || pictures.HoldOutEvery > 0, $"source '{name}': held_out_part needs hold_out_every, which says what is held out");
        require(pictures.Expressions >= 0, $"source '{name}': expressions must not be negative, is {pictures.Expressions}");
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
        require(stage.FewPhrases is >= 0 and <= 1, $"{at}.few_phrases must be 0 to 1");
        foreach (var name in stage.Sources) require(sources.Contains(name), $"{at}.sources names '{name}', which train does not list");
    }

    /// <summary>What is wrong, without the names of .NET types.</summary>
    private static string Explain(JsonException error)
    {
        var place = error.Path is { Length: > 2 } path ? path[2..] : "the recipe";
        var message = error.Message;
        if (message.Contains("could not be mapped to any .NET member", StringComparison.Ordinal)) return $"'{place}' is not a key of recipes";
        if (message.Contains("missing required properties", StringComparison.Ordinal))
            return $"{place} lacks {message[(message.LastIndexOf(':') + 1)..].Trim().TrimEnd('.')}";
        if (message.Contains("does not contain any JSON tokens", StringComparison.Ordinal)) return "the recipe is empty";
        if (message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal)) return $"{place} has a value of the wrong kind";
        var end = message.IndexOf(" Path:", StringComparison.Ordinal);
        return $"{place}: {(end > 0 ? message[..end] : message)}";
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
