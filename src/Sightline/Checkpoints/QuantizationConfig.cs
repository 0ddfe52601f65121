using System.Text.Json;
using System.Text.Json.Nodes;
using Sightline.Tensors.Quantized;

namespace Sightline.Checkpoints;

/// <summary>
/// The object <c>quantization_config</c> in the <c>config.json</c> of a folder that <c>sightline quantize</c> wrote: which matrices are stored
/// quantized, and how. docs/guide/quantize.md describes the layout.
/// </summary>
/// <param name="Entries">The quantized matrices.</param>
public sealed record QuantizationConfig(IReadOnlyList<QuantizedEntry> Entries)
{
    /// <summary>The key in <c>config.json</c>.</summary>
    public const string Key = "quantization_config";

    /// <summary>The value of <c>quant_method</c>.</summary>
    public const string Method = "sightline";

    /// <summary>From the root of <c>config.json</c>; null where nothing is quantized.</summary>
    /// <exception cref="SightlineException">BadModel: another program's quantization, another version, or damaged.</exception>
    public static QuantizationConfig? Read(JsonElement config, string where)
    {
        if (!config.TryGetProperty(Key, out var json) || json.ValueKind == JsonValueKind.Null) return null;
        var method = json.ValueKind == JsonValueKind.Object && json.TryGetProperty("quant_method", out var named) ? named.ToString() : "";
        if (method != Method)
            throw new SightlineException(ErrorKind.BadModel, $"{where}: the weights are quantized by '{method}', which Sightline cannot read: take the folder with full weights and run sightline quantize on it.");
        var version = json.TryGetProperty("layout_version", out var number) ? number.ToString() : "none";
        if (version != FormattableString.Invariant($"{QuantizedWeight.PackingVersion}"))
            throw new SightlineException(ErrorKind.BadModel, $"{where}: the quantized weights have the layout version {version} and this Sightline reads version {QuantizedWeight.PackingVersion}: quantize the model again.");
        if (!json.TryGetProperty("tensors", out var tensors) || tensors.ValueKind != JsonValueKind.Object) throw Damaged(where, "tensors");
        return new QuantizationConfig([.. tensors.EnumerateObject().Select(entry => ReadEntry(entry, where))]);
    }

    /// <summary>As it stands in <c>config.json</c>.</summary>
    public JsonObject ToJson()
    {
        var tensors = new JsonObject();
        foreach (var entry in Entries)
            tensors[entry.Name] = new JsonObject { ["format"] = entry.FormatName, ["shape"] = new JsonArray((JsonNode)entry.OutputSize, (JsonNode)entry.InputSize) };
        return new JsonObject { ["quant_method"] = Method, ["layout_version"] = QuantizedWeight.PackingVersion, ["tensors"] = tensors };
    }

    private static QuantizedEntry ReadEntry(JsonProperty entry, string where)
    {
        if (entry.Value.ValueKind != JsonValueKind.Object
            || !entry.Value.TryGetProperty("format", out var format) || !entry.Value.TryGetProperty("shape", out var shape)
            || shape.ValueKind != JsonValueKind.Array || shape.GetArrayLength() != 2
            || !Size(shape[0], out var outputs) || !Size(shape[1], out var inputs)) throw Damaged(where, entry.Name);
        return new QuantizedEntry(entry.Name, format.ToString() switch { "int8" => QuantizedFormat.Int8, "int4" => QuantizedFormat.Int4, _ => throw Damaged(where, entry.Name) }, outputs, inputs);
    }

    private static bool Size(JsonElement json, out int size)
    {
        size = 0;
        return json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out size) && size is > 0 and < 1 << 26;
    }

    private static SightlineException Damaged(string where, string what) =>
        new(ErrorKind.BadModel, $"{where}: {Key} does not describe {SafetensorsHeader.Quote(what)} as int8 or int4 with a shape of two sizes: quantize the model again.");
}

/// <summary>A matrix that is stored quantized.</summary>
/// <param name="Name">Its name in the file it was made from.</param>
/// <param name="Format">Eight or four bits.</param>
/// <param name="OutputSize">Rows.</param>
/// <param name="InputSize">Columns.</param>
public sealed record QuantizedEntry(string Name, QuantizedFormat Format, int OutputSize, int InputSize)
{
    internal const string ScalesSuffix = ".scales";

    internal string FormatName => Format == QuantizedFormat.Int8 ? "int8" : "int4";

    internal string BlocksSuffix => $".{FormatName}";

    internal bool HasScales => Format == QuantizedFormat.Int8;

    /// <summary>As in messages.</summary>
    public override string ToString() => $"{FormatName} [{OutputSize}, {InputSize}]";
}
