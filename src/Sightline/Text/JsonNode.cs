using System.Text.Json;

namespace Sightline.Text;

/// <summary>A JSON value that knows its file and its place, so that every failure names both.</summary>
internal readonly struct JsonNode(string file, string place, JsonElement element, int index = -1)
{
    /// <summary>The largest id that is believed: ten times the largest published vocabulary.</summary>
    public const int MaxId = 4_000_000;

    public string File { get; } = file;

    public JsonElement Element { get; } = element;

    // put together only when it is wanted: vocabularies have hundreds of thousands of items
    private string Place => index < 0 ? place : $"{place}[{index}]";

    public SightlineException Fails(string what) => new(
        ErrorKind.BadModel, $"{File}: {Place} {what}; use the tokenizer files as published with the model");

    public JsonNode Required(string name) => Optional(name) ?? throw Fails($"has no \"{name}\"");

    /// <summary>A member, or null when it is missing or null.</summary>
    public JsonNode? Optional(string name)
    {
        if (Element.ValueKind != JsonValueKind.Object) throw Fails("must be an object");
        return Element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? new JsonNode(File, name, value) : null;
    }

    public IEnumerable<JsonNode> Items()
    {
        if (Element.ValueKind != JsonValueKind.Array) throw Fails("must be a list");
        var (name, file) = (Place, File);
        return Element.EnumerateArray().Select((item, i) => new JsonNode(file, name, item, i));
    }

    public string? Text()
    {
        if (Element.ValueKind != JsonValueKind.String) throw Fails("must be a string");
        try
        {
            return Element.GetString();
        }
        catch (InvalidOperationException)
        {
            throw Fails("is not valid Unicode text");
        }
    }

    public bool Flag() => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Fails("must be true or false"),
    };

    public double Number() => Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out var value) ? value : throw Fails("must be a number");

    public int Id() => Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out var value) && value is >= 0 and <= MaxId
        ? value
        : throw Fails($"must be an id from 0 to {MaxId}, not {Shorten(Element.GetRawText())}");

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
