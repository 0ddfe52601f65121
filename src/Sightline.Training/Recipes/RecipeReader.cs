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

        return Parse(text, path, overrides);
    }

    /// <summary>As <see cref="Read"/>, from text; <paramref name="where"/> is named in errors.</summary>
    public static TrainingRecipe Parse(string text, string where, IReadOnlyList<string>? overrides = null)
    {
        try
        {
            RecipeProblem.RequireDistinctKeys(text, Lenient, where);
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

            RecipeChecks.Check(recipe, where);
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
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    WriteIndented = true)]
[JsonSerializable(typeof(TrainingRecipe))]
internal sealed partial class RecipeJson : JsonSerializerContext;
