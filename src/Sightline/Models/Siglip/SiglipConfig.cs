using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sightline.Models.Siglip;

/// <summary>
/// The sizes of a SigLIP model (Zhai et al. 2023) under the names of a Hugging Face <c>config.json</c>
/// (<c>transformers/models/siglip/configuration_siglip.py</c>). Published files leave out what equals the library's own default
/// (base, patch 16, 224 pixels), so those defaults stand here; weights that do not fit them are refused by shape.
/// </summary>
public sealed record SiglipConfig
{
    /// <summary>Value of <c>model_type</c>.</summary>
    public const string ModelType = "siglip";

    /// <summary>The text encoder.</summary>
    public required SiglipTextConfig TextConfig { get; init; }

    /// <summary>The image encoder.</summary>
    public required SiglipVisionConfig VisionConfig { get; init; }

    /// <summary>From the object in <c>config.json</c>.</summary>
    /// <exception cref="SightlineException">BadModel: a key is missing or sizes do not fit each other.</exception>
    public static SiglipConfig Read(JsonElement json, string where)
    {
        var config = PublishedFolder.ReadConfig(json, SiglipJson.Default.SiglipConfig, where);
        var text = config.TextConfig;
        PublishedFolder.Require(text.NumAttentionHeads > 0 && text.HiddenSize > 0 && text.HiddenSize % text.NumAttentionHeads == 0, where, $"hidden_size ({text.HiddenSize}) of the text encoder must be a multiple of num_attention_heads ({text.NumAttentionHeads})");
        config.VisionConfig.Check(where);
        return config;
    }
}

/// <summary>The text encoder of <see cref="SiglipConfig"/>.</summary>
public sealed record SiglipTextConfig
{
    /// <summary>Entries of the vocabulary.</summary>
    public int VocabSize { get; set; } = 32000;

    /// <summary>Channels of a token.</summary>
    public int HiddenSize { get; set; } = 768;

    /// <summary>Hidden channels of the feed-forward layers.</summary>
    public int IntermediateSize { get; set; } = 3072;

    /// <summary>Layers.</summary>
    public int NumHiddenLayers { get; set; } = 12;

    /// <summary>Heads of every attention.</summary>
    public int NumAttentionHeads { get; set; } = 12;

    /// <summary>Length of a text in tokens; shorter ones are padded to it.</summary>
    public int MaxPositionEmbeddings { get; set; } = 64;

    /// <summary>Activation of the feed-forward layers.</summary>
    public string HiddenAct { get; set; } = "gelu_pytorch_tanh";

    /// <summary>Added to variances.</summary>
    public float LayerNormEps { get; set; } = 1e-6f;

    /// <summary>Channels in which pictures and texts are compared; the hidden size where the key is missing.</summary>
    public int? ProjectionSize { get; init; }
}

/// <summary>The image encoder of <see cref="SiglipConfig"/>.</summary>
public sealed record SiglipVisionConfig
{
    /// <summary>Value of <c>model_type</c> where a folder holds an image encoder alone.</summary>
    public const string ModelType = "siglip_vision_model";

    /// <summary>Channels of a token.</summary>
    public int HiddenSize { get; set; } = 768;

    /// <summary>Hidden channels of the feed-forward layers.</summary>
    public int IntermediateSize { get; set; } = 3072;

    /// <summary>Layers.</summary>
    public int NumHiddenLayers { get; set; } = 12;

    /// <summary>Heads of every attention.</summary>
    public int NumAttentionHeads { get; set; } = 12;

    /// <summary>Channels of a picture.</summary>
    public int NumChannels { get; set; } = 3;

    /// <summary>Side of the square pictures of pre-training in pixels.</summary>
    public int ImageSize { get; set; } = 224;

    /// <summary>Side of a patch in pixels.</summary>
    public int PatchSize { get; set; } = 16;

    /// <summary>Activation of the feed-forward layers.</summary>
    public string HiddenAct { get; set; } = "gelu_pytorch_tanh";

    /// <summary>Added to variances.</summary>
    public float LayerNormEps { get; set; } = 1e-6f;

    /// <summary>From the object in <c>config.json</c>.</summary>
    public static SiglipVisionConfig Read(JsonElement json, string where)
    {
        var config = PublishedFolder.ReadConfig(json, SiglipJson.Default.SiglipVisionConfig, where);
        config.Check(where);
        return config;
    }

    internal void Check(string where)
    {
        PublishedFolder.Require(NumAttentionHeads > 0 && HiddenSize > 0 && HiddenSize % NumAttentionHeads == 0, where, $"hidden_size ({HiddenSize}) of the image encoder must be a multiple of num_attention_heads ({NumAttentionHeads})");
        PublishedFolder.Require(PatchSize > 0 && ImageSize >= PatchSize, where, $"image_size ({ImageSize}) must be at least patch_size ({PatchSize})");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SiglipConfig))]
internal sealed partial class SiglipJson : JsonSerializerContext;
