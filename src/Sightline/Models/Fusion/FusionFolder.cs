using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Sightline.Checkpoints;
using Sightline.Tensors;

namespace Sightline.Models.Fusion;

/// <summary>A fusion model on disk: <c>config.json</c>, <c>model.safetensors</c> and the files of its tokenizer.</summary>
public static class FusionFolder
{
    private static readonly string[] s_tokenizerFiles = ["vocab.txt", "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"];

    /// <summary>The sizes of the model in a folder.</summary>
    /// <exception cref="SightlineException">A key is missing, unknown or out of range.</exception>
    public static FusionConfig ReadConfig(HuggingFaceFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        try
        {
            var json = JsonNode.Parse(folder.Config.GetRawText())!.AsObject();
            json.Remove("model_type");
            json.Remove("sightline_version");
            json.Remove(QuantizationConfig.Key);
            return (json.Deserialize(FusionJson.Default.FusionConfig)
                ?? throw new SightlineException(ErrorKind.BadModel, $"{folder.Path}: config.json is empty")).Validate($"{folder.Path}/config.json");
        }
        catch (JsonException error)
        {
            throw new SightlineException(ErrorKind.BadModel, $"{folder.Path}/config.json does not describe a fusion model: {Explain(error)}", error);
        }
    }

    /// <summary>What is wrong, without the names of .NET types.</summary>
    private static string Explain(JsonException error)
    {
        var place = error.Path is { Length: > 2 } path ? path[2..] : "the file";
        if (error.Message.Contains("could not be mapped to any .NET member", StringComparison.Ordinal)) return $"'{place}' is not a key of it";
        if (error.Message.Contains("missing required properties", StringComparison.Ordinal))
            return $"{place} lacks {error.Message[(error.Message.LastIndexOf(':') + 1)..].Trim().TrimEnd('.')}";
        return $"{place} has a value of the wrong kind";
    }

    /// <summary>
    /// Writes a model: weights in <paramref name="type"/>, and the tokenizer's files copied from <paramref name="tokenizerFolder"/>. The
    /// weights are written last, so a folder with weights is whole.
    /// </summary>
    public static void Save(string folder, FusionModel model, string tokenizerFolder, DType type = DType.BFloat16, Func<string, Tensor>? weights = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Directory.CreateDirectory(folder);
        var json = JsonSerializer.SerializeToNode(model.Config, FusionJson.Default.FusionConfig)!.AsObject();
        json.Insert(0, "model_type", FusionConfig.ModelType);
        AtomicFile.WriteText(Path.Combine(folder, "config.json"), json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        foreach (var name in s_tokenizerFiles)
        {
            var from = Path.Combine(tokenizerFolder, name);
            var to = Path.Combine(folder, name);
            if (File.Exists(from) && Path.GetFullPath(from) != Path.GetFullPath(to)) AtomicFile.Write(to, stream => stream.Write(File.ReadAllBytes(from)));
        }

        var writer = new SafetensorsWriter();
        writer.Metadata["format"] = "sightline";
        foreach (var parameter in model.Parameters.All) writer.Add(parameter.Path, weights?.Invoke(parameter.Path) ?? parameter.Value, type);
        writer.Save(Path.Combine(folder, "model.safetensors"));
    }
}

[JsonSourceGenerationOptions(UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, WriteIndented = true)]
[JsonSerializable(typeof(FusionConfig))]
internal sealed partial class FusionJson : JsonSerializerContext;
