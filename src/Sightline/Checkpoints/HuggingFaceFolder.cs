using System.Text.Json;
using Sightline.Hub;

namespace Sightline.Checkpoints;

/// <summary>
/// A model folder as published on the Hugging Face hub: <c>config.json</c>, weights in one or more safetensors files,
/// and optionally the preprocessor's and the tokenizer's files. Opening reads <c>config.json</c> only.
/// </summary>
public sealed class HuggingFaceFolder : IDisposable
{
    private readonly JsonDocument _config;

    private HuggingFaceFolder(string path, JsonDocument config)
    {
        Path = path;
        _config = config;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The path of <c>config.json</c>, for messages.</summary>
    public string ConfigPath => System.IO.Path.Combine(Path, "config.json");

    /// <summary>The root object of <c>config.json</c>; valid until <see cref="Dispose"/>.</summary>
    public JsonElement Config => _config.RootElement;

    /// <summary>The key <c>model_type</c> of the configuration (as "qwen2_vl"); empty where there is none.</summary>
    public string ModelType => Config.TryGetProperty("model_type", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString()! : string.Empty;

    /// <summary><c>tokenizer.json</c>, or null.</summary>
    public string? TokenizerJson => Find("tokenizer.json");

    /// <summary><c>tokenizer_config.json</c>, or null.</summary>
    public string? TokenizerConfig => Find("tokenizer_config.json");

    /// <summary><c>vocab.json</c> of a byte-level BPE, or null.</summary>
    public string? VocabJson => Find("vocab.json");

    /// <summary><c>merges.txt</c> of a byte-level BPE, or null.</summary>
    public string? MergesText => Find("merges.txt");

    /// <summary><c>vocab.txt</c> of a WordPiece tokenizer, or null.</summary>
    public string? VocabText => Find("vocab.txt");

    /// <summary>The chat template's file: <c>chat_template.jinja</c> or <c>chat_template.json</c>, or null.</summary>
    public string? ChatTemplate => Find("chat_template.jinja") ?? Find("chat_template.json");

    /// <summary>Opens a model folder, or a model of the hub's cache by its name (<c>OWNER/NAME</c>).</summary>
    /// <exception cref="SightlineException">NotFound: no such folder. BadModel: no <c>config.json</c>, or not a JSON object.</exception>
    public static HuggingFaceFolder Open(string path)
    {
        path = HubCache.Resolve(path);
        if (!Directory.Exists(path))
            throw new SightlineException(ErrorKind.NotFound, File.Exists(path) ? $"{path} is a file: give the model's folder." : $"The model folder {path} is not there: check the path.");
        var config = System.IO.Path.Combine(path, "config.json");
        if (!File.Exists(config) && File.Exists(System.IO.Path.Combine(path, AdapterFolder.ConfigName)))
            throw new SightlineException(ErrorKind.BadModel, $"The folder {path} holds adapters and no model: add them to the model that they were trained on first: sightline merge --model MODEL --adapter {path} --output FOLDER.");
        if (!File.Exists(config))
            throw new SightlineException(ErrorKind.BadModel, $"The folder {path} has no config.json: give the folder of a Hugging Face model (config.json and model.safetensors).");
        var document = JsonFile.Read(config);
        if (document.RootElement.ValueKind == JsonValueKind.Object) return new HuggingFaceFolder(path, document);
        document.Dispose();
        throw new SightlineException(ErrorKind.BadModel, $"{config} is not a JSON object: fetch it again.");
    }

    /// <summary>The full path of a file in the folder, or null when it is not there.</summary>
    public string? Find(string fileName)
    {
        var path = System.IO.Path.Combine(Path, fileName);
        return File.Exists(path) ? path : null;
    }

    /// <summary>The full path of a file that the model cannot do without.</summary>
    /// <exception cref="SightlineException">BadModel: it is not there.</exception>
    public string Require(string fileName) => Find(fileName)
        ?? throw new SightlineException(ErrorKind.BadModel, $"The model folder {Path} has no {fileName}: fetch the missing file from where the model came.");

    /// <summary>A JSON file of the folder, or null when it is not there; the caller disposes it.</summary>
    public JsonDocument? ReadJson(string fileName) => Find(fileName) is { } path ? JsonFile.Read(path) : null;

    /// <summary><c>preprocessor_config.json</c>, or null; the caller disposes it.</summary>
    public JsonDocument? ReadPreprocessor() => ReadJson("preprocessor_config.json");

    /// <summary>The matrices that are stored quantized; none in a folder as published.</summary>
    /// <exception cref="SightlineException">BadModel: quantized by another program, or in another version of the layout.</exception>
    public QuantizationConfig? ReadQuantization() => QuantizationConfig.Read(Config, ConfigPath);

    /// <summary>Opens the weights. See <see cref="Checkpoint.Open"/>.</summary>
    public Checkpoint OpenCheckpoint(Func<string, string?>? rename = null) => Checkpoint.Open(Path, rename, ReadQuantization());

    /// <summary>Frees the configuration's document.</summary>
    public void Dispose() => _config.Dispose();
}
