using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sightline.Models.Qwen2;

/// <summary>
/// The sizes of a Qwen2 or Qwen3 language model (Yang et al. 2024 and 2025) under the names of a Hugging Face <c>config.json</c>
/// (<c>transformers/models/qwen2/configuration_qwen2.py</c>, <c>qwen3</c>). Keys with a value here may be missing there. The language part of
/// a Qwen2-VL, Qwen2.5-VL or Qwen3-VL folder is read from the same keys, at the top or under <c>text_config</c>.
/// </summary>
public sealed record Qwen2Config
{
    /// <summary>The values of <c>model_type</c> whose folders hold such a language model.</summary>
    public static IReadOnlyList<string> ModelTypes { get; } = ["qwen2", "qwen2_vl", "qwen2_5_vl", "qwen3", "qwen3_vl"];

    /// <summary>Which architecture the keys describe: <c>qwen2</c>, <c>qwen2_vl_text</c>, <c>qwen3_vl_text</c> and so on.</summary>
    public string ModelType { get; set; } = "qwen2";

    /// <summary>Rows of the token table.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Channels of a token.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Hidden channels of the feed-forward layers.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Layers.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Query heads.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Key and value heads, each of which serves a group of query heads.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>Channels of a head; the hidden size over the query heads where the key is missing.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Longest text in tokens.</summary>
    public int MaxPositionEmbeddings { get; set; } = 32768;

    /// <summary>Activation of the gate.</summary>
    public string HiddenAct { get; set; } = "silu";

    /// <summary>Added to mean squares.</summary>
    public float RmsNormEps { get; set; } = 1e-6f;

    /// <summary>Base of the rotary wavelengths, in files without <see cref="RopeParameters"/>.</summary>
    public double? RopeTheta { get; init; }

    /// <summary>Rotary settings of older files.</summary>
    public RopeSettings? RopeScaling { get; init; }

    /// <summary>Rotary settings of newer files.</summary>
    public RopeSettings? RopeParameters { get; init; }

    /// <summary>Whether logits use the token table instead of a matrix of their own.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>Whether attention projects with biases, in Qwen3 files; Qwen2 always adds them to queries, keys and values.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Whether some layers see only the last tokens; such models are refused.</summary>
    public bool UseSlidingWindow { get; init; }

    /// <summary>Whether queries and keys are normalised in each head (Qwen3).</summary>
    [JsonIgnore]
    public bool HasHeadNorms => ModelType.StartsWith("qwen3", StringComparison.Ordinal);

    /// <summary>Whether queries, keys and values are projected with biases.</summary>
    [JsonIgnore]
    public bool HasInputBias => AttentionBias || !HasHeadNorms;

    /// <summary>Whether the axes of M-RoPE take turns along the channels (Qwen3) instead of having one run each.</summary>
    [JsonIgnore]
    public bool HasInterleavedMrope => HasHeadNorms || (RopeParameters ?? RopeScaling)?.MropeInterleaved == true;

    /// <summary>Channels of a head.</summary>
    [JsonIgnore]
    public int HeadSize => HeadDim ?? (HiddenSize / NumAttentionHeads);

    /// <summary>Base of the rotary wavelengths.</summary>
    [JsonIgnore]
    public double Theta => RopeParameters?.RopeTheta ?? RopeTheta ?? 10000;

    /// <summary>Channel pairs of a head that turn by time, row and column (M-RoPE); null: every pair by the one position.</summary>
    [JsonIgnore]
    public IReadOnlyList<int>? MropeSection => (RopeParameters ?? RopeScaling)?.MropeSection;

    /// <summary>From the object in <c>config.json</c>, whichever of the model types it describes.</summary>
    /// <exception cref="SightlineException">BadModel: a key is missing, sizes do not fit each other, or the rotary scaling is not supported.</exception>
    public static Qwen2Config Read(JsonElement json, string where)
    {
        var nested = json.TryGetProperty("text_config", out var text) && text.ValueKind == JsonValueKind.Object;
        var config = PublishedFolder.ReadConfig(nested ? text : json, Qwen2Json.Default.Qwen2Config, where);
        if (nested && !text.TryGetProperty("model_type", out _) && json.TryGetProperty("model_type", out var type)) config = config with { ModelType = type.GetString() ?? config.ModelType };
        if (nested && json.TryGetProperty("tie_word_embeddings", out var tie)) config = config with { TieWordEmbeddings = tie.ValueKind == JsonValueKind.True };
        PublishedFolder.Require(config.NumAttentionHeads > 0 && config.NumKeyValueHeads > 0 && config.NumAttentionHeads % config.NumKeyValueHeads == 0, where, $"num_attention_heads ({config.NumAttentionHeads}) must be a multiple of num_key_value_heads ({config.NumKeyValueHeads})");
        PublishedFolder.Require(config.HeadSize > 0 && config.HeadSize % 2 == 0, where, $"heads of {config.HeadSize} channels have no channel pairs to turn");
        PublishedFolder.Require(!config.UseSlidingWindow, where, "use_sliding_window is on, and attention to the last tokens alone is not supported");
        foreach (var rope in new[] { config.RopeScaling, config.RopeParameters })
            PublishedFolder.Require((rope?.RopeType ?? rope?.Type) is null or "default" or "mrope", where, $"the rotary scaling '{rope?.RopeType ?? rope?.Type}' is not supported");
        PublishedFolder.Require(config.MropeSection is null || config.MropeSection.Sum() == config.HeadSize / 2, where, $"mrope_section must add up to half the channels of a head ({config.HeadSize / 2})");
        return config;
    }
}

/// <summary>Rotary settings of <see cref="Qwen2Config"/>.</summary>
public sealed record RopeSettings
{
    /// <summary>Kind of scaling, older name.</summary>
    public string? Type { get; init; }

    /// <summary>Kind of scaling.</summary>
    public string? RopeType { get; init; }

    /// <summary>Base of the wavelengths.</summary>
    public double? RopeTheta { get; init; }

    /// <summary>Channel pairs by axis.</summary>
    public IReadOnlyList<int>? MropeSection { get; init; }

    /// <summary>Whether the axes take turns along the channels.</summary>
    public bool? MropeInterleaved { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(Qwen2Config))]
internal sealed partial class Qwen2Json : JsonSerializerContext;
