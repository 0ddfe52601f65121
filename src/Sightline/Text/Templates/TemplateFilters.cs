using System.Text;

namespace Sightline.Text.Templates;

/// <summary>The filters, tests and methods that chat templates use.</summary>
internal static class TemplateFilters
{
    public static object? Apply(string name, object? value, IReadOnlyList<object?> arguments, Func<string, SightlineException> fails)
    {
        string Text() => TemplateValues.Print(value) ?? throw fails($"filters a list or a map with {name}");
        IReadOnlyList<object?> Items() => TemplateValues.Items(value) ?? throw fails($"filters with {name} something that has no items");
        switch (name)
        {
            case "tojson":
                if (arguments.Count > 0) throw fails("gives tojson arguments, which is not supported");
                var json = new StringBuilder();
                TemplateValues.WriteJson(value, json);
                return json.ToString();
            case "trim": return Text().Trim();
            case "upper": return Text().ToUpperInvariant();
            case "lower": return Text().ToLowerInvariant();
            case "string": return Text();
            case "safe": return value;
            case "length" or "count": return (long)Items().Count;
            case "first": return Items() is { Count: > 0 } list ? list[0] : UndefinedValue.Instance;
            case "last": return Items() is { Count: > 0 } all ? all[^1] : UndefinedValue.Instance;
            case "list": return Items();
            case "reverse": return Items().Reverse().ToList();
            case "items": return Pairs(value, fails);
            case "join":
                return string.Join(
                    arguments.Count > 0 ? TemplateValues.Print(arguments[0]) : "",
                    Items().Select(i => TemplateValues.Print(i) ?? throw fails("joins lists or maps")));
            case "default" or "d":
                var missing = value is UndefinedValue || (arguments.Count > 1 && TemplateValues.IsTrue(arguments[1]) && !TemplateValues.IsTrue(value));
                return !missing ? value : arguments.Count > 0 ? arguments[0] : "";
            case "int": return TemplateValues.Number(value) is { } n ? (long)n : long.TryParse(value as string, out var parsed) ? parsed : 0L;
            default: throw fails($"uses the filter \"{name}\", which is not supported");
        }
    }

    public static bool Test(string name, object? value, Func<string, SightlineException> fails) => name switch
    {
        "defined" => value is not UndefinedValue,
        "undefined" => value is UndefinedValue,
        "none" => value is null,
        "string" => value is string,
        "number" => value is long or double or bool,
        "integer" => value is long,
        "boolean" => value is bool,
        "true" => value is true,
        "false" => value is false,
        "mapping" => value is IReadOnlyDictionary<string, object?>,
        "sequence" or "iterable" => value is string or IReadOnlyList<object?> or IReadOnlyDictionary<string, object?>,
        "callable" => value is TemplateFunction,
        _ => throw fails($"uses the test \"{name}\", which is not supported"),
    };

    /// <summary>A method of a text or a map; null when the value has none of that name and is a map (a missing member).</summary>
    public static TemplateFunction? Method(object? value, string name, Func<string, SightlineException> fails) => value switch
    {
        string text => OfText(text, name) ?? throw fails($"uses the method \"{name}\" of a text, which is not supported"),
        IReadOnlyDictionary<string, object?> map => name switch
        {
            "items" => (_, _) => Pairs(map, fails),
            "keys" => (_, _) => map.Keys.Cast<object?>().ToList(),
            "values" => (_, _) => map.Values.ToList(),
            "get" => (a, _) => a.Count > 0 && a[0] is string key && map.TryGetValue(key, out var found) ? found : a.Count > 1 ? a[1] : null,
            _ => null,
        },
        _ => null,
    };

    private static TemplateFunction? OfText(string text, string name)
    {
        static string Argument(IReadOnlyList<object?> arguments, int index) => arguments.Count > index ? arguments[index] as string ?? "" : "";
        static char[]? Trimmed(IReadOnlyList<object?> arguments) => arguments.Count > 0 ? Argument(arguments, 0).ToCharArray() : null;
        return name switch
        {
            "strip" => (a, _) => text.Trim(Trimmed(a)),
            "lstrip" => (a, _) => text.TrimStart(Trimmed(a)),
            "rstrip" => (a, _) => text.TrimEnd(Trimmed(a)),
            "upper" => (_, _) => text.ToUpperInvariant(),
            "lower" => (_, _) => text.ToLowerInvariant(),
            "startswith" => (a, _) => text.StartsWith(Argument(a, 0), StringComparison.Ordinal),
            "endswith" => (a, _) => text.EndsWith(Argument(a, 0), StringComparison.Ordinal),
            "replace" => (a, _) => Argument(a, 0).Length == 0 ? text : text.Replace(Argument(a, 0), Argument(a, 1), StringComparison.Ordinal),
            "split" => (a, _) => (a.Count > 0 && Argument(a, 0).Length > 0
                ? text.Split(Argument(a, 0))
                : text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Cast<object?>().ToList(),
            _ => null,
        };
    }

    private static List<object?> Pairs(object? value, Func<string, SightlineException> fails) =>
        value is IReadOnlyDictionary<string, object?> map
            ? [.. map.Select(p => (object?)new List<object?> { p.Key, p.Value })]
            : throw fails("asks for the items of something that is not a map");
}
