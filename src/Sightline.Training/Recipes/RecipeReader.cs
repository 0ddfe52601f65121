using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Sightline.Training.Experiments;

namespace Sightline.Training.Recipes;

/// <summary>Reads and checks recipes. Keys are in snake_case; comments and trailing commas are allowed.</summary>
public static class RecipeReader
{
    internal static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Reads a recipe of any kind: one whose <c>model</c> names a <c>checkpoint</c> tunes a language model, another trains a grounding model.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">Values to put in place of the file's: <c>model.image_size=96</c>, <c>stages[1].learning_rate=1e-4</c>.</param>
    /// <exception cref="SightlineException">The file is missing, is not JSON, has an unknown key or a value out of range; the message names file, place and key.</exception>
    public static RunRecipe ReadAny(string path, IReadOnlyList<string>? overrides = null)
    {
        if (Directory.Exists(path)) throw new SightlineException(ErrorKind.Usage, $"{path} is a folder: give a recipe file, such as {Path.Combine(path, "recipe.json")}");
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path}: the recipe cannot be read: {error.Message}", error);
        }

        return ParseAny(text, path, overrides);
    }

    /// <summary>Reads the recipe of a grounding model.</summary>
    /// <exception cref="SightlineException">As <see cref="ReadAny"/>; BadRecipe: it is one for a language model.</exception>
    public static TrainingRecipe Read(string path, IReadOnlyList<string>? overrides = null) => Grounding(ReadAny(path, overrides), path);

    /// <summary>As <see cref="Read"/>, from text; <paramref name="where"/> is named in errors.</summary>
    public static TrainingRecipe Parse(string text, string where, IReadOnlyList<string>? overrides = null) => Grounding(ParseAny(text, where, overrides), where);

    /// <summary>As <see cref="ReadAny"/>, from text; <paramref name="where"/> is named in errors.</summary>
    public static RunRecipe ParseAny(string text, string where, IReadOnlyList<string>? overrides = null)
    {
        try
        {
            RecipeProblem.RequireDistinctKeys(text, Lenient, where);
            JsonTypeInfo type = IsForLanguageModel(text) ? RecipeJson.Default.LanguageRecipe : RecipeJson.Default.TrainingRecipe;
            RecipeValues.Require(text, type, where);
            // the file by itself first: its errors have line numbers
            var recipe = (RunRecipe?)JsonSerializer.Deserialize(text, type)
                ?? throw new SightlineException(ErrorKind.BadRecipe, $"{where}: the recipe is empty");
            if (overrides is { Count: > 0 })
            {
                var root = JsonNode.Parse(text, documentOptions: Lenient)!.AsObject();
                foreach (var assignment in overrides) RecipeOverride.Apply(root, assignment);
                where += " with --set";
                RecipeValues.Require(root.ToJsonString(), type, where);
                recipe = (RunRecipe)root.Deserialize(type)!;
            }

            if (recipe is LanguageRecipe language) LanguageRecipeChecks.Check(language, where);
            else RecipeChecks.Check((TrainingRecipe)recipe, where);
            return recipe;
        }
        catch (JsonException error)
        {
            var line = error.LineNumber is { } number && overrides is not { Count: > 0 } ? $", line {number + 1}" : "";
            throw new SightlineException(ErrorKind.BadRecipe, $"{where}{line}: {RecipeProblem.Explain(error)}", error);
        }
    }

    /// <summary>The recipe as it was understood, all defaults written out.</summary>
    public static string Write(TrainingRecipe recipe) => JsonSerializer.Serialize(recipe, RecipeJson.Default.TrainingRecipe);

    /// <summary>As <see cref="Write(TrainingRecipe)"/>.</summary>
    public static string Write(LanguageRecipe recipe) => JsonSerializer.Serialize(recipe, RecipeJson.Default.LanguageRecipe);

    private static TrainingRecipe Grounding(RunRecipe recipe, string where) => recipe as TrainingRecipe
        ?? throw new SightlineException(ErrorKind.BadRecipe, $"{where}: this recipe tunes a language model (model.checkpoint), and one for a grounding model is needed here");

    private static bool IsForLanguageModel(string text)
    {
        using var document = JsonDocument.Parse(text, Lenient);
        return document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("model", out var model)
            && model.ValueKind == JsonValueKind.Object && model.TryGetProperty("checkpoint", out _);
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    WriteIndented = true)]
[JsonSerializable(typeof(TrainingRecipe))]
[JsonSerializable(typeof(LanguageRecipe))]
[JsonSerializable(typeof(FewShotRecipe))]
internal sealed partial class RecipeJson : JsonSerializerContext;
