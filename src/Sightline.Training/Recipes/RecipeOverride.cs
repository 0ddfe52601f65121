using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sightline.Training.Recipes;

/// <summary>Puts a value into a recipe before it is read: <c>stages[1].learning_rate=1e-4</c>.</summary>
internal static class RecipeOverride
{
    /// <summary>
    /// Sets one value. Keys are separated by dots, entries of lists are numbered from 0 in brackets; objects that are missing are made. The value
    /// is JSON where it can be read as such, text otherwise.
    /// </summary>
    /// <exception cref="SightlineException">Usage: no '=', or the path leads nowhere.</exception>
    public static void Apply(JsonObject recipe, string assignment)
    {
        var equals = assignment.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0) throw new SightlineException(ErrorKind.Usage, $"--set takes key=value, such as model.image_size=96, not '{assignment}'");
        var keys = assignment[..equals].Replace("[", ".[", StringComparison.Ordinal).Split('.');
        JsonNode node = recipe;
        for (var i = 0; i < keys.Length - 1; i++) node = Child(node, keys[i], assignment);
        Set(node, keys[^1], Value(assignment[(equals + 1)..]), assignment);
    }

    private static JsonNode Child(JsonNode node, string key, string assignment)
    {
        if (node is JsonArray list) return list[Index(list, key, assignment)] ?? throw Nowhere(key, assignment);
        if (node is not JsonObject parent || key.Length == 0 || key[0] == '[') throw Nowhere(key, assignment);
        if (parent[key] is null) parent[key] = new JsonObject();
        return parent[key]!;
    }

    private static void Set(JsonNode node, string key, JsonNode? value, string assignment)
    {
        if (node is JsonArray list) list[Index(list, key, assignment)] = value;
        else if (node is JsonObject parent && key.Length > 0 && key[0] != '[') parent[key] = value;
        else throw Nowhere(key, assignment);
    }

    private static int Index(JsonArray list, string key, string assignment) =>
        key.StartsWith('[') && key.EndsWith(']') && int.TryParse(key[1..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < list.Count
            ? index
            : throw new SightlineException(ErrorKind.Usage, $"--set {assignment}: the list has the entries [0] to [{list.Count - 1}], not '{key}'");

    private static JsonNode? Value(string text)
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

    private static SightlineException Nowhere(string key, string assignment) =>
        new(ErrorKind.Usage, $"--set {assignment}: '{key}' leads nowhere in the recipe");
}
