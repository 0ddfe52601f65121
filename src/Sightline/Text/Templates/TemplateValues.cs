using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sightline.Text.Templates;

/// <summary>What a name that nobody set stands for: prints nothing, is false, has no members.</summary>
internal sealed class UndefinedValue
{
    public static UndefinedValue Instance { get; } = new();
}

/// <summary>A function of the template language.</summary>
internal delegate object? TemplateFunction(IReadOnlyList<object?> arguments, IReadOnlyDictionary<string, object?> named);

/// <summary>
/// The values of a template, with Python's meaning: null (None), bool, long, double, string, list, map, function,
/// undefined.
/// </summary>
internal static class TemplateValues
{
    public static bool IsTrue(object? value) => value switch
    {
        null or UndefinedValue => false,
        bool b => b,
        long n => n != 0,
        double d => d != 0,
        string s => s.Length > 0,
        IReadOnlyList<object?> list => list.Count > 0,
        IReadOnlyDictionary<string, object?> map => map.Count > 0,
        _ => true,
    };

    /// <summary>How a value is printed; null when lists and maps are meant, whose Python spelling is not reproduced.</summary>
    public static string? Print(object? value) => value switch
    {
        null => "None",
        UndefinedValue => "",
        true => "True",
        false => "False",
        string s => s,
        long n => n.ToString(CultureInfo.InvariantCulture),
        double d => d == Math.Floor(d) && Math.Abs(d) < 1e16 ? d.ToString("F1", CultureInfo.InvariantCulture) : d.ToString("R", CultureInfo.InvariantCulture),
        _ => null,
    };

    public static bool AreEqual(object? a, object? b) => (a, b) switch
    {
        (string x, string y) => x == y,
        (bool or long or double, bool or long or double) => Number(a) == Number(b),
        (IReadOnlyList<object?> x, IReadOnlyList<object?> y) => x.Count == y.Count && x.Zip(y).All(p => AreEqual(p.First, p.Second)),
        _ => ReferenceEquals(a, b),
    };

    public static double? Number(object? value) => value switch
    {
        bool b => b ? 1 : 0,
        long n => n,
        double d => d,
        _ => null,
    };

    /// <summary>What a for loop walks over; null for what cannot be walked over.</summary>
    public static IReadOnlyList<object?>? Items(object? value) => value switch
    {
        IReadOnlyList<object?> list => list,
        IReadOnlyDictionary<string, object?> map => [.. map.Keys],
        string s => [.. s.EnumerateRunes().Select(r => (object?)r.ToString())],
        UndefinedValue => [],
        _ => null,
    };

    /// <summary>Values from JSON.</summary>
    public static object? FromJson(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => Map(element),
        JsonValueKind.Array => element.EnumerateArray().Select(FromJson).ToList(),
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Number => element.TryGetInt64(out var n) ? (object)n : element.GetDouble(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => null,
    };

    /// <summary>JSON as Python's json.dumps spells it with ensure_ascii off, which is what transformers' tojson does.</summary>
    public static void WriteJson(object? value, StringBuilder output)
    {
        switch (value)
        {
            case null or UndefinedValue:
                output.Append("null");
                break;
            case bool b:
                output.Append(b ? "true" : "false");
                break;
            case string s:
                WriteJsonString(s, output);
                break;
            case IReadOnlyList<object?> list:
                output.Append('[');
                for (var i = 0; i < list.Count; i++)
                {
                    if (i > 0) output.Append(", ");
                    WriteJson(list[i], output);
                }

                output.Append(']');
                break;
            case IReadOnlyDictionary<string, object?> map:
                output.Append('{');
                var first = true;
                foreach (var (key, item) in map)
                {
                    if (!first) output.Append(", ");
                    first = false;
                    WriteJsonString(key, output);
                    output.Append(": ");
                    WriteJson(item, output);
                }

                output.Append('}');
                break;
            default:
                output.Append(Print(value));
                break;
        }
    }

    private static Dictionary<string, object?> Map(JsonElement element)
    {
        var map = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var property in element.EnumerateObject()) map[property.Name] = FromJson(property.Value);
        return map;
    }

    private static void WriteJsonString(string text, StringBuilder output)
    {
        output.Append('"');
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => output.Append("\\\""),
                '\\' => output.Append("\\\\"),
                '\n' => output.Append("\\n"),
                '\r' => output.Append("\\r"),
                '\t' => output.Append("\\t"),
                '\b' => output.Append("\\b"),
                '\f' => output.Append("\\f"),
                < ' ' => output.Append($"\\u{(int)c:x4}"),
                _ => output.Append(c),
            };
        }

        output.Append('"');
    }
}
