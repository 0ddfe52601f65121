using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sightline.Models.Vit;

/// <summary>
/// The sizes of a ViT (Dosovitskiy et al. 2021) under the names of a Hugging Face <c>config.json</c>
/// (<c>transformers/models/vit/configuration_vit.py</c>). Keys with a value here may be missing there.
/// </summary>
public sealed record VitConfig
{
    /// <summary>Value of <c>model_type</c>.</summary>
    public const string ModelType = "vit";

    /// <summary>Channels of a token.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Heads of every attention.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Hidden channels of the feed-forward layers.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Side of the square pictures of pre-training in pixels: the grid of the learned positions.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Channels of a picture.</summary>
    public int NumChannels { get; set; } = 3;

    /// <summary>Activation of the feed-forward layers.</summary>
    public string HiddenAct { get; set; } = "gelu";

    /// <summary>Added to variances.</summary>
    public float LayerNormEps { get; set; } = 1e-12f;

    /// <summary>Whether queries, keys and values have biases.</summary>
    public bool QkvBias { get; set; } = true;

    /// <summary>Channels of the pooled vector; the hidden size where the key is missing.</summary>
    public int? PoolerOutputSize { get; init; }

    /// <summary>Activation of the pooler.</summary>
    public string PoolerAct { get; set; } = "tanh";

    /// <summary>From the object in <c>config.json</c>.</summary>
    /// <exception cref="SightlineException">BadModel: a key is missing or sizes do not fit each other.</exception>
    public static VitConfig Read(JsonElement json, string where)
    {
        var config = PublishedFolder.ReadConfig(json, VitJson.Default.VitConfig, where);
        PublishedFolder.Require(config.NumAttentionHeads > 0 && config.HiddenSize > 0 && config.HiddenSize % config.NumAttentionHeads == 0, where, $"hidden_size ({config.HiddenSize}) must be a multiple of num_attention_heads ({config.NumAttentionHeads})");
        PublishedFolder.Require(config.PatchSize > 0 && config.ImageSize >= config.PatchSize, where, $"image_size ({config.ImageSize}) must be at least patch_size ({config.PatchSize})");
        return config;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(VitConfig))]
internal sealed partial class VitJson : JsonSerializerContext;
