using System.Text.Json.Nodes;

namespace Sightline.Training.Recipes;

/// <summary>Compares recipes key by key, all defaults written out.</summary>
internal static class RecipeDifference
{
    /// <summary>
    /// The first key in which a wanted recipe differs from the one that a run began with, as a sentence; null where they agree. The folder, the
    /// memory for pictures and tripwires are not compared, and a wanted batch of 0 agrees with any that was chosen.
    /// </summary>
    public static string? First(RunRecipe wanted, RunRecipe stored) =>
        First("", Plain(wanted), Plain(stored));

    /// <summary>The same for recipes as JSON.</summary>
    public static string? First(JsonNode? wanted, JsonNode? stored) => First("", wanted, stored);

    private static JsonNode? Plain(RunRecipe recipe) => JsonNode.Parse(recipe.Comparable().ToJson());

    private static string? First(string path, JsonNode? wanted, JsonNode? stored)
    {
        switch (wanted, stored)
        {
            case (JsonObject a, JsonObject b):
                foreach (var key in a.Select(entry => entry.Key).Union(b.Select(entry => entry.Key)))
                {
                    if (key == "batch" && a[key] is JsonValue batch && batch.GetValue<int>() == 0) continue;
                    if (First(path.Length == 0 ? key : $"{path}.{key}", a[key], b[key]) is { } inner) return inner;
                }

                return null;
            case (JsonArray a, JsonArray b) when a.Count == b.Count:
                for (var i = 0; i < a.Count; i++)
                {
                    if (First($"{path}[{i}]", a[i], b[i]) is { } inner) return inner;
                }

                return null;
            case (JsonArray a, JsonArray b):
                return $"{path} has {b.Count} entries there and {a.Count} here";
            default:
                return JsonNode.DeepEquals(wanted, stored) ? null : $"{path} is {Text(stored)} there and {Text(wanted)} here";
        }
    }

    private static string Text(JsonNode? node) => node?.ToJsonString() ?? "nothing";
}
