using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// One JSON object of an annotation file, read member by member with errors that name the file, the entry and the member.
/// Members that nobody asked for are kept for <see cref="Rest"/>.
/// </summary>
internal sealed class JsonEntry
{
    /// <summary>Writes non-Latin text as itself; annotation files are not HTML.</summary>
    public static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly JsonElement _element;
    private readonly string _file;
    private readonly string _where;

    public JsonEntry(JsonElement element, string file, string where)
    {
        (_element, _file, _where) = (element, file, where);
        if (element.ValueKind != JsonValueKind.Object) throw Bad($"an object is expected, found {Show(element)}");
    }

    /// <summary>The file and the entry, as messages name it.</summary>
    public string Place => $"{_file}, {_where}";

    public bool Has(string name) => _element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    public JsonElement? Optional(string name) => _element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public JsonElement Required(string name) => Optional(name) ?? throw Bad($"'{name}' is missing");

    public JsonEntry Object(string name) => new(Required(name), _file, $"{_where}, '{name}'");

    public string Text(string name) => TextOf(Required(name), name);

    public string? OptionalText(string name) => Optional(name) is { } value ? TextOf(value, name) : null;

    /// <summary>The entry's <c>id</c>, a text or whatever else stands there; its number in the file where there is none.</summary>
    public string Id(int index) => Optional("id") switch
    {
        null => index.ToString(CultureInfo.InvariantCulture),
        { ValueKind: JsonValueKind.String } text => TextOf(text, "id"),
        { } other => other.GetRawText(),
    };

    public double Number(string name) => NumberOf(Required(name), name);

    public double? OptionalNumber(string name) => Optional(name) is { } value ? NumberOf(value, name) : null;

    public long Integer(string name) => IntegerOf(Required(name), name);

    public long? OptionalInteger(string name) => Optional(name) is { } value ? IntegerOf(value, name) : null;

    /// <summary>A size in pixels: positive, at most 2^24.</summary>
    public int Size(string name) => Integer(name) is > 0 and <= 1 << 24 and var size ? (int)size : throw Bad($"'{name}' is {Show(Required(name))}, not a size in pixels");

    public int OptionalSize(string name) => Has(name) ? Size(name) : 0;

    public bool Flag(string name) => Optional(name) is { } value && (value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => value.TryGetInt32(out var number) && number is 0 or 1 ? number == 1 : throw Bad($"'{name}' is {Show(value)}, not 0 or 1"),
        _ => throw Bad($"'{name}' is {Show(value)}, not 0 or 1"),
    });

    public JsonElement List(string name) => Required(name) is { ValueKind: JsonValueKind.Array } list ? list : throw Bad($"'{name}' is {Show(Required(name))}, not a list");

    public string[] Texts(string name) => [.. List(name).EnumerateArray().Select(v => TextOf(v, name))];

    public long[] Integers(string name) => [.. List(name).EnumerateArray().Select(v => IntegerOf(v, name))];

    /// <summary>Four finite numbers.</summary>
    public double[] Four(string name) => FourOf(Required(name), name);

    public double[] FourOf(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 4) throw Bad($"'{name}' is {Show(value)}, not four numbers");
        var numbers = new double[4];
        for (var i = 0; i < 4; i++) numbers[i] = NumberOf(value[i], name);
        return numbers;
    }

    /// <summary>Four numbers as corners x1, y1, x2, y2.</summary>
    public Box Corners(JsonElement value, string name, CoordinateFrame frame) => FourOf(value, name) is [var x1, var y1, var x2, var y2] ? new Box(x1, y1, x2, y2, frame) : default;

    /// <summary>The members that are not among the names, as one JSON object; null when there are none.</summary>
    public string? Rest(params ReadOnlySpan<string> known)
    {
        ArrayBufferWriter<byte>? bytes = null;
        Utf8JsonWriter? writer = null;
        foreach (var member in _element.EnumerateObject())
        {
            if (known.Contains(member.Name)) continue;
            if (writer is null)
            {
                writer = new Utf8JsonWriter(bytes = new ArrayBufferWriter<byte>(), Plain);
                writer.WriteStartObject();
            }

            member.WriteTo(writer);
        }

        if (writer is null) return null;
        writer.WriteEndObject();
        writer.Dispose();
        return Encoding.UTF8.GetString(bytes!.WrittenSpan);
    }

    public SightlineException Bad(string what) => new(ErrorKind.BadData, $"{_file}, {_where}: {what}");

    /// <summary>A value for a message: short.</summary>
    public static string Show(JsonElement value)
    {
        var raw = value.ValueKind == JsonValueKind.Undefined ? "nothing" : value.GetRawText();
        return raw.Length > 40 ? raw[..40] + "..." : raw;
    }

    public string TextOf(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Bad($"'{name}' is {Show(value)}, not text");

    private double NumberOf(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number : throw Bad($"'{name}' is {Show(value)}, not a number");

    // ids are sometimes written as 12.0
    private long IntegerOf(JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.Number)
        {
            if (value.TryGetInt64(out var integer)) return integer;
            if (value.TryGetDouble(out var number) && number == Math.Floor(number) && Math.Abs(number) < 1L << 53) return (long)number;
        }

        throw Bad($"'{name}' is {Show(value)}, not a whole number");
    }
}
