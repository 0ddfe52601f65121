using System.Text.Json;
using Sightline.Imaging;
using Sightline.Training.Grounding;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Recipes;

/// <summary>What is wrong with a recipe's text, in the words of recipes.</summary>
internal static class RecipeProblem
{
    /// <summary>.NET types, as error messages of the JSON reader end with them, and what a recipe may say there.</summary>
    private static readonly (string Type, string Allowed)[] Kinds =
    [
        (typeof(StageKind).FullName!, Names<StageKind>()),
        (typeof(OptimizerKind).FullName!, Names<OptimizerKind>()),
        (typeof(ScheduleKind).FullName!, Names<ScheduleKind>()),
        (typeof(ContrastiveLossKind).FullName!, Names<ContrastiveLossKind>()),
        (typeof(MatchingKind).FullName!, Names<MatchingKind>()),
        (typeof(FitMode).FullName!, Names<FitMode>()),
        (typeof(LanguageStageKind).FullName!, Names<LanguageStageKind>()),
        (typeof(IdleGroups).FullName!, Names<IdleGroups>()),
        (typeof(AdvantageScaling).FullName!, Names<AdvantageScaling>()),
        ("Generic.IReadOnlyList", "a list in brackets"),
        ("Generic.IReadOnlyDictionary", "an object in braces"),
        (typeof(int).FullName!, "a whole number"),
        (typeof(ulong).FullName!, "a whole number from 0"),
        (typeof(double).FullName!, "a number"),
        (typeof(float).FullName!, "a number"),
        (typeof(bool).FullName!, "true or false"),
        (typeof(string).FullName!, "a text in quotes"),
    ];

    /// <summary>Keys that must be there: for these the JSON reader's message names the object around them.</summary>
    private static readonly Dictionary<string, string> Required = new(StringComparer.Ordinal)
    {
        ["name"] = "a text in quotes",
        ["path"] = "a text in quotes",
        ["checkpoint"] = "a text in quotes",
        ["problems"] = "a text in quotes",
        ["train"] = "a list in brackets",
        ["stages"] = "a list in brackets",
        ["kind"] = Names<StageKind>(),
        ["steps"] = "a whole number",
    };

    /// <summary>"A, B or C": the values of an enumeration.</summary>
    public static string Names<T>()
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>();
        return names.Length == 1 ? names[0] : $"{string.Join(", ", names[..^1])} or {names[^1]}";
    }

    /// <summary>Of two values for one key the second would silently win.</summary>
    /// <exception cref="SightlineException">BadRecipe with the key.</exception>
    public static void RequireDistinctKeys(string text, JsonDocumentOptions options, string where)
    {
        using var document = JsonDocument.Parse(text, options);
        Check(document.RootElement, "", where);
    }

    /// <summary>One sentence without the names of .NET types.</summary>
    public static string Explain(JsonException error)
    {
        var place = error.Path is { Length: > 2 } path ? path[2..] : "the recipe";
        var message = error.Message;
        if (message.Contains("could not be mapped to any .NET member", StringComparison.Ordinal)) return $"'{place}' is not a key of recipes";
        if (message.Contains("missing required properties", StringComparison.Ordinal))
            return $"{place} lacks {message[(message.LastIndexOf(':') + 1)..].Trim().TrimEnd('.')}";
        if (message.Contains("does not contain any JSON tokens", StringComparison.Ordinal)) return "the recipe is empty";
        if (message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal)) return $"{place} has a value of the wrong kind: {Allowed(message, place)} is needed";
        return "this is no JSON from here on: look for a missing or wrong comma, quote, brace or bracket";
    }

    private static string Allowed(string message, string place)
    {
        var type = message.Split(" Path:")[0];
        if (type.Contains(nameof(LanguageStageRecipe), StringComparison.Ordinal) && place.EndsWith(".kind", StringComparison.Ordinal)) return Names<LanguageStageKind>();
        if (type.Contains("Recipe.", StringComparison.Ordinal) && Required.TryGetValue(place[(place.LastIndexOf('.') + 1)..], out var required)) return required;
        foreach (var kind in Kinds)
        {
            if (type.Contains(kind.Type, StringComparison.Ordinal)) return kind.Allowed;
        }

        return "an object in braces";
    }

    private static void Check(JsonElement element, string path, string where)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            var index = 0;
            foreach (var item in element.EnumerateArray()) Check(item, $"{path}[{index++}]", where);
        }

        if (element.ValueKind != JsonValueKind.Object) return;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var property in element.EnumerateObject())
        {
            var key = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            if (!seen.Add(property.Name)) throw new SightlineException(ErrorKind.BadRecipe, $"{where}: {key} stands twice: keep one of them");
            Check(property.Value, key, where);
        }
    }
}
