using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sightline.Models.Dinov2;

/// <summary>
/// The sizes of a DINOv2 encoder (Oquab et al. 2023) under the names of a Hugging Face <c>config.json</c>
/// (<c>transformers/models/dinov2/configuration_dinov2.py</c>). Keys with a value here may be missing there.
/// </summary>
public sealed record Dinov2Config
{
    /// <summary>Value of <c>model_type</c>.</summary>
    public const string ModelType = "dinov2";

    /// <summary>Channels of a token.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Heads of every attention.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Side of the square pictures of pre-training in pixels: the grid of the learned positions.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Hidden channels of the feed-forward layers, as a multiple of <see cref="HiddenSize"/>.</summary>
    public float MlpRatio { get; set; } = 4;

    /// <summary>Channels of a picture.</summary>
    public int NumChannels { get; set; } = 3;

    /// <summary>Activation of the feed-forward layers without a gate.</summary>
    public string HiddenAct { get; set; } = "gelu";

    /// <summary>Added to variances.</summary>
    public float LayerNormEps { get; set; } = 1e-6f;

    /// <summary>Whether queries, keys and values have biases.</summary>
    public bool QkvBias { get; set; } = true;

    /// <summary>Gated feed-forward layers (the giant model).</summary>
    public bool UseSwigluFfn { get; init; }

    /// <summary>Where LayerScale starts without a checkpoint.</summary>
    public float LayerscaleValue { get; set; } = 1;

    /// <summary>Whether feature maps go through the final norm.</summary>
    public bool ApplyLayernorm { get; set; } = true;

    /// <summary>Layers whose feature maps the backbone gives: 0 is the embedding, i the output of layer i. Null: the last one.</summary>
    public IReadOnlyList<int>? OutIndices { get; init; }

    /// <summary>Hidden channels of the feed-forward layers: with a gate two thirds of it, rounded up to a multiple of 8.</summary>
    [JsonIgnore]
    public int IntermediateSize => UseSwigluFfn ? ((int)((int)(HiddenSize * MlpRatio) * 2 / 3f) + 7) / 8 * 8 : (int)(HiddenSize * MlpRatio);

    /// <summary>From the object in <c>config.json</c>.</summary>
    /// <exception cref="SightlineException">BadModel: a key is missing or sizes do not fit each other.</exception>
    public static Dinov2Config Read(JsonElement json, string where)
    {
        var config = PublishedFolder.ReadConfig(json, Dinov2Json.Default.Dinov2Config, where);
        PublishedFolder.Require(config.NumAttentionHeads > 0 && config.HiddenSize > 0 && config.HiddenSize % config.NumAttentionHeads == 0, where, $"hidden_size ({config.HiddenSize}) must be a multiple of num_attention_heads ({config.NumAttentionHeads})");
        PublishedFolder.Require(config.PatchSize > 0 && config.ImageSize >= config.PatchSize, where, $"image_size ({config.ImageSize}) must be at least patch_size ({config.PatchSize})");
        PublishedFolder.Require(config.OutIndices is null || config.OutIndices.All(i => i >= 0 && i <= config.NumHiddenLayers), where, $"out_indices must be between 0 and num_hidden_layers ({config.NumHiddenLayers})");
        return config;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(Dinov2Config))]
internal sealed partial class Dinov2Json : JsonSerializerContext;
