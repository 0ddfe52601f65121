using System.Text;
using System.Text.Json;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors;

namespace Sightline.Checkpoints;

/// <summary>
/// Adapters in the layout of PEFT (huggingface/peft, <c>save_pretrained</c>): <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, whose names are
/// <c>base_model.model.PATH.lora_A.weight</c> and <c>.lora_B.weight</c>. Opening reads the configuration and the names.
/// </summary>
public sealed class AdapterFolder : IParameterSource, IDisposable
{
    internal const string ConfigName = "adapter_config.json";
    private const string WeightsName = "adapter_model.safetensors";
    private const string Prefix = "base_model.model.";
    private readonly Checkpoint _checkpoint;

    private AdapterFolder(string path, LoraOptions options, Checkpoint checkpoint)
    {
        Path = path;
        Options = options;
        _checkpoint = checkpoint;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Rank and factor.</summary>
    public LoraOptions Options { get; }

    /// <summary>The paths of the layers that have an adapter.</summary>
    public IEnumerable<string> Layers => _checkpoint.Names.Where(name => name.EndsWith(".lora_A.weight", StringComparison.Ordinal)).Select(name => name[..^".lora_A.weight".Length]);

    /// <summary>Opens a folder.</summary>
    /// <exception cref="SightlineException">NotFound; BadModel: not an adapter, or one of a kind that is not supported (DoRA, trained biases, whole modules).</exception>
    public static AdapterFolder Open(string path)
    {
        var config = System.IO.Path.Combine(path, ConfigName);
        if (!File.Exists(config)) throw new SightlineException(ErrorKind.NotFound, $"{path} holds no {ConfigName}: give the folder of an adapter");
        using var json = JsonFile.Read(config);
        var options = ReadOptions(json.RootElement, config);
        var checkpoint = Checkpoint.Open(System.IO.Path.Combine(path, WeightsName), PathOf);
        foreach (var name in checkpoint.Names)
        {
            if (name.EndsWith(".lora_A.weight", StringComparison.Ordinal) ? checkpoint.Contains(Other(name)) : name.EndsWith(".lora_B.weight", StringComparison.Ordinal)) continue;
            checkpoint.Dispose();
            throw new SightlineException(ErrorKind.BadModel, $"{path}: the tensor {SafetensorsHeader.Quote(name)} is no half of a pair lora_A and lora_B of a linear layer, and nothing else is supported");
        }

        return new AdapterFolder(path, options, checkpoint);
    }

    /// <summary>The adapters, to hand to a model that is about to be made; call <see cref="RequireUsed"/> after it.</summary>
    public LoraAdapters Load() => LoraAdapters.From(Options, this);

    /// <summary>Refuses an adapter of which the model used only a part.</summary>
    /// <exception cref="SightlineException">BadModel.</exception>
    public void RequireUsed(LoraAdapters adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        var used = adapters.Layers.Select(layer => layer.Path).ToHashSet(StringComparer.Ordinal);
        if (Layers.FirstOrDefault(path => !used.Contains(path)) is { } unused)
            throw new SightlineException(ErrorKind.BadModel, $"{Path} has an adapter for '{unused}', which the model lacks: was it trained for another model?");
    }

    /// <summary>Writes adapters.</summary>
    /// <param name="folder">Where; made if it is not there.</param>
    /// <param name="adapters">What.</param>
    /// <param name="baseModel">The model that they belong to: a folder, or a name on the hub.</param>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void Save(string folder, LoraAdapters adapters, string baseModel)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        var writer = new SafetensorsWriter { Metadata = { ["format"] = "pt" } };
        foreach (var parameter in adapters.Parameters) writer.Add(Prefix + parameter.Path, parameter.Value);
        writer.Save(System.IO.Path.Combine(folder, WeightsName));
        AtomicFile.WriteText(System.IO.Path.Combine(folder, ConfigName), ConfigText(adapters, baseModel));
    }

    /// <inheritdoc/>
    public Shape? ShapeOf(string path) => _checkpoint.Contains(path) ? new Shape([.. _checkpoint[path].Sizes.Select(size => checked((int)size))]) : null;

    /// <inheritdoc/>
    public void Read(string path, Tensor target)
    {
        _checkpoint.RequireFinite(path);
        _checkpoint.LoadInto(path, target);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _checkpoint.Dispose();

    private static string PathOf(string name)
    {
        if (name.StartsWith(Prefix, StringComparison.Ordinal)) name = name[Prefix.Length..];
        return QwenVlModel.Rename(name.Replace(".default.weight", ".weight", StringComparison.Ordinal));
    }

    private static string Other(string down) => down[..^"A.weight".Length] + "B.weight";

    private static LoraOptions ReadOptions(JsonElement json, string where)
    {
        if (json.ValueKind != JsonValueKind.Object || Text(json, "peft_type") != "LORA") throw Bad(where, "its peft_type is not LORA");
        if (!json.TryGetProperty("r", out var rank) || !rank.TryGetInt32(out var r) || r < 1) throw Bad(where, "r must be a whole number of at least 1");
        if (!json.TryGetProperty("lora_alpha", out var alpha) || alpha.ValueKind != JsonValueKind.Number) throw Bad(where, "lora_alpha must be a number");
        if (IsTrue(json, "use_dora")) throw Bad(where, "use_dora is on, and DoRA is not supported");
        if (IsTrue(json, "fan_in_fan_out")) throw Bad(where, "fan_in_fan_out is on, and transposed layers are not supported");
        if (Text(json, "bias") is not (null or "none")) throw Bad(where, "it trains biases, which is not supported");
        foreach (var key in (ReadOnlySpan<string>)["modules_to_save", "rank_pattern", "alpha_pattern"])
        {
            if (json.TryGetProperty(key, out var value) && !IsEmpty(value)) throw Bad(where, $"{key} is set, which is not supported");
        }

        return new LoraOptions { Rank = r, Alpha = alpha.GetDouble(), IsRankStabilized = IsTrue(json, "use_rslora") };
    }

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static bool IsTrue(JsonElement json, string key) => json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.True;

    private static string? Text(JsonElement json, string key) => json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static SightlineException Bad(string where, string problem) => new(ErrorKind.BadModel, $"{where} cannot be used: {problem}");

    private static string ConfigText(LoraAdapters adapters, string baseModel)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("peft_type", "LORA");
            json.WriteString("task_type", "CAUSAL_LM");
            json.WriteNumber("r", adapters.Options.Rank);
            json.WriteNumber("lora_alpha", adapters.Options.Alpha);
            json.WriteNumber("lora_dropout", 0);
            json.WriteString("bias", "none");
            json.WriteBoolean("fan_in_fan_out", false);
            json.WriteBoolean("use_rslora", adapters.Options.IsRankStabilized);
            json.WriteStartArray("target_modules");
            foreach (var name in adapters.Layers.Select(layer => layer.Path[(layer.Path.LastIndexOf('.') + 1)..]).Distinct()) json.WriteStringValue(name);
            json.WriteEndArray();

            // layers of the vision tower may have the same names (Qwen2.5-VL): PEFT would make untrained adapters there
            if (!adapters.Layers.Any(layer => layer.Path.StartsWith("visual.", StringComparison.Ordinal))) json.WriteString("exclude_modules", @"(.*\.)?visual\..*");
            json.WriteString("base_model_name_or_path", baseModel);
            json.WriteBoolean("inference_mode", true);
            json.WriteNull("modules_to_save");
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length) + "\n";
    }
}
