using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Sightline.Training.Recipes;

/// <summary>
/// Holds a recipe's text against its type, for what the JSON reader lets pass or cannot say: null where a value is needed, and whole numbers that are too
/// large. One walk over the source-generated description of the type, so that a new key is checked like the others.
/// </summary>
internal static class RecipeValues
{
    /// <exception cref="SightlineException">BadRecipe with file and key.</exception>
    public static void Require(string text, JsonTypeInfo type, string where)
    {
        using var document = JsonDocument.Parse(text, RecipeReader.Lenient);
        Walk(document.RootElement, type, "", where);
    }

    private static void Walk(JsonElement element, JsonTypeInfo type, string path, string where)
    {
        switch (type.Kind, element.ValueKind)
        {
            case (JsonTypeInfoKind.Object, JsonValueKind.Object):
                var known = type.Properties.ToDictionary(property => property.Name, StringComparer.Ordinal);
                foreach (var entry in element.EnumerateObject())
                {
                    if (!known.TryGetValue(entry.Name, out var property)) continue; // the reader says which keys there are
                    var key = path.Length == 0 ? entry.Name : $"{path}.{entry.Name}";
                    if (entry.Value.ValueKind == JsonValueKind.Null && !MayBeNull(property)) throw Bad(where, $"{key} is null: give a value{(property.IsRequired ? "" : ", or leave the key out")}");
                    Check(entry.Value, property.PropertyType, key);
                }

                break;
            case (JsonTypeInfoKind.Enumerable, JsonValueKind.Array) when type.ElementType is { } of:
                var index = 0;
                foreach (var entry in element.EnumerateArray())
                {
                    var key = $"{path}[{index++}]";
                    if (entry.ValueKind == JsonValueKind.Null) throw Bad(where, $"{key} is null: give a value, or take it out of the list");
                    Check(entry, of, key);
                }

                break;
            case (JsonTypeInfoKind.Dictionary, JsonValueKind.Object) when type.ElementType is { } of:
                foreach (var entry in element.EnumerateObject())
                {
                    var key = $"{path}.{entry.Name}";
                    if (entry.Value.ValueKind == JsonValueKind.Null) throw Bad(where, $"{key} is null: give a value, or leave the key out");
                    Check(entry.Value, of, key);
                }

                break;
        }

        void Check(JsonElement value, Type wanted, string key)
        {
            wanted = Nullable.GetUnderlyingType(wanted) ?? wanted;
            if (value.ValueKind == JsonValueKind.Number) CheckSize(value, wanted, key, where);
            else if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array) Walk(value, type.Options.GetTypeInfo(wanted), key, where);
        }
    }

    private static bool MayBeNull(JsonPropertyInfo property) =>
        property.PropertyType.IsValueType ? Nullable.GetUnderlyingType(property.PropertyType) is not null : property.IsSetNullable;

    private static void CheckSize(JsonElement value, Type wanted, string key, string where)
    {
        BigInteger? most = wanted == typeof(int) ? int.MaxValue : wanted == typeof(long) ? long.MaxValue : wanted == typeof(ulong) ? ulong.MaxValue : null;
        if (most is { } largest && BigInteger.TryParse(value.GetRawText(), System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out var number) && BigInteger.Abs(number) > largest)
            throw Bad(where, number.Sign < 0 ? $"{key} is {number}: the smallest number that can be read is {-largest}" : $"{key} is {number}: the largest number allowed is {largest}");
    }

    private static SightlineException Bad(string where, string problem) => new(ErrorKind.BadRecipe, $"{where}: {problem}");
}
