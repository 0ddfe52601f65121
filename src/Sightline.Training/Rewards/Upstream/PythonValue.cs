using System.Globalization;

namespace Sightline.Training.Rewards.Upstream;

internal enum PythonKind
{
    None,
    Bool,
    Integer,
    Float,
    Text,
    List,
    Dict,
}

/// <summary>
/// A value as Python's <c>json.loads</c> gives it, with the arithmetic and the errors that the original reward functions meet on it. Integers
/// are doubles: exact to 2^53, beyond which rewards agree to rounding.
/// </summary>
internal sealed class PythonValue(PythonKind kind)
{
    public PythonKind Kind => kind;

    public double Value { get; init; }

    /// <summary>The text of a string, or a number as it was written.</summary>
    public string Text { get; init; } = "";

    public List<PythonValue> Items { get; } = [];

    /// <summary>The keys of a dict at the places of their <see cref="Items"/>, each once.</summary>
    public List<string> Keys { get; } = [];

    /// <summary>True and false count as 1 and 0.</summary>
    public double Number() => Kind is PythonKind.Integer or PythonKind.Float or PythonKind.Bool ? Value : throw new RewardException("TypeError", $"a number is needed, not {Name}");

    /// <summary><c>value[key]</c> with a text.</summary>
    public PythonValue this[string key] => Kind switch
    {
        PythonKind.Dict => Keys.IndexOf(key) is var at and >= 0 ? Items[at] : throw new RewardException("KeyError", $"'{key}'"),
        PythonKind.List => throw new RewardException("TypeError", "list indices must be integers or slices, not str"),
        PythonKind.Text => throw new RewardException("TypeError", "string indices must be integers, not 'str'"),
        _ => throw NotSubscriptable(),
    };

    /// <summary><c>value[index]</c> with a number.</summary>
    public PythonValue this[int index] => Kind switch
    {
        PythonKind.List => index < Items.Count ? Items[index] : throw new RewardException("IndexError", "list index out of range"),
        PythonKind.Text => index < Text.Length ? new PythonValue(PythonKind.Text) { Text = Text[index].ToString() } : throw new RewardException("IndexError", "string index out of range"),
        PythonKind.Dict => throw new RewardException("KeyError", index.ToString(CultureInfo.InvariantCulture)),
        _ => throw NotSubscriptable(),
    };

    /// <summary>What <c>for item in value</c> goes through.</summary>
    public IReadOnlyList<PythonValue> Iterate() => Kind switch
    {
        PythonKind.List => Items,
        PythonKind.Dict => [.. Keys.Select(key => new PythonValue(PythonKind.Text) { Text = key })],
        PythonKind.Text => [.. Text.EnumerateRunes().Select(rune => new PythonValue(PythonKind.Text) { Text = rune.ToString() })],
        _ => throw new RewardException("TypeError", $"'{Name}' object is not iterable"),
    };

    /// <summary><c>text in value</c>.</summary>
    public bool Contains(string text) => Kind switch
    {
        PythonKind.Dict => Keys.Contains(text),
        PythonKind.List => Items.Exists(item => item.Kind == PythonKind.Text && item.Text == text),
        PythonKind.Text => Text.Contains(text, StringComparison.Ordinal),
        _ => throw new RewardException("TypeError", $"argument of type '{Name}' is not a container or iterable"),
    };

    /// <summary>A key under which equal values, and only they, meet in a set; 1, 1.0 and True are equal.</summary>
    /// <exception cref="RewardException">TypeError: lists and dicts have none.</exception>
    public string HashKey() => Kind switch
    {
        PythonKind.None => "n",
        PythonKind.Text => "t" + Text,
        PythonKind.List or PythonKind.Dict => throw new RewardException("TypeError", $"unhashable type: '{Name}'"),
        // in a set a NaN is equal to none; a key of its own place comes near enough
        _ => double.IsNaN(Value) ? $"nan{GetHashCode()}" : (Value + 0.0).ToString("R", CultureInfo.InvariantCulture),
    };

    /// <summary><c>str(value)</c>, or <c>repr</c> inside lists and dicts.</summary>
    public string Show(bool quoted = false) => Kind switch
    {
        PythonKind.None => "None",
        PythonKind.Bool => Value == 0 ? "False" : "True",
        PythonKind.Text => quoted ? $"'{Text}'" : Text,
        PythonKind.List => $"[{string.Join(", ", Items.Select(item => item.Show(quoted: true)))}]",
        PythonKind.Dict => $"{{{string.Join(", ", Keys.Zip(Items, (key, item) => $"'{key}': {item.Show(quoted: true)}"))}}}",
        PythonKind.Integer => Text,
        _ => "f" + Value.ToString("R", CultureInfo.InvariantCulture),
    };

    private RewardException NotSubscriptable() => new("TypeError", $"'{Name}' object is not subscriptable");

    private string Name => Kind switch
    {
        PythonKind.None => "NoneType",
        PythonKind.Bool => "bool",
        PythonKind.Integer => "int",
        PythonKind.Float => "float",
        PythonKind.Text => "str",
        PythonKind.List => "list",
        _ => "dict",
    };
}
