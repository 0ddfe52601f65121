using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sightline.Training.Recipes;

namespace Sightline.Cli;

/// <summary>A recipe with the changes of <c>--set key=value</c>: keys as in the file, with dots and [numbers].</summary>
internal static class RecipeChanges
{
    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <exception cref="SightlineException">NotFound, BadRecipe, or Usage for a change that does not fit the file.</exception>
    public static TrainingRecipe Read(string path, IReadOnlyList<string> changes)
    {
        if (changes.Count == 0) return RecipeReader.Read(path);
        RecipeReader.Read(path); // reports what is wrong with the file itself, by line
        var root = JsonNode.Parse(File.ReadAllText(path), documentOptions: Lenient)!.AsObject();
        foreach (var change in changes) Apply(root, change);
        return RecipeReader.Parse(root.ToJsonString(), $"{path} with --set {string.Join(" --set ", changes)}");
    }

    private static void Apply(JsonObject root, string change)
    {
        var equals = change.IndexOf('=');
        if (equals <= 0) throw new SightlineException(ErrorKind.Usage, $"--set needs KEY=VALUE, not '{change}'");
        var steps = change[..equals].Replace("[", ".", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal).Split('.');
        var value = Parse(change[(equals + 1)..]);
        JsonNode here = root;
        for (var i = 0; i < steps.Length; i++)
        {
            var last = i == steps.Length - 1;
            if (here is JsonArray list)
            {
                if (!int.TryParse(steps[i], NumberStyles.None, CultureInfo.InvariantCulture, out var index) || index >= list.Count)
                    throw new SightlineException(ErrorKind.Usage, $"--set {change}: '{steps[i]}' must be a number below {list.Count}");
                if (last) list[index] = value;
                else here = list[index] ?? throw new SightlineException(ErrorKind.Usage, $"--set {change}: nothing stands at '{steps[i]}'");
            }
            else if (here is JsonObject map)
            {
                if (last) map[steps[i]] = value;
                else here = map[steps[i]] ??= new JsonObject();
            }
            else
            {
                throw new SightlineException(ErrorKind.Usage, $"--set {change}: '{steps[i - 1]}' is a plain value, it has no '{steps[i]}'");
            }
        }
    }

    /// <summary>JSON where it is JSON (numbers, true, null, lists), else a string.</summary>
    private static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }
}
