using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sightline.Models.Clip;

/// <summary>
/// The sizes of a CLIP model (Radford et al. 2021) under the names of a Hugging Face <c>config.json</c>
/// (<c>transformers/models/clip/configuration_clip.py</c>). Published files leave out what equals the library's own default
/// (ViT-B/32), so those defaults stand here; weights that do not fit them are refused by shape.
/// </summary>
public sealed record ClipConfig
{
    /// <summary>Value of <c>model_type</c>.</summary>
    public const string ModelType = "clip";

    /// <summary>The text encoder.</summary>
    public required ClipTextConfig TextConfig { get; init; }

    /// <summary>The image encoder.</summary>
    public required ClipVisionConfig VisionConfig { get; init; }

    /// <summary>Channels in which pictures and texts are compared.</summary>
    public int ProjectionDim { get; set; } = 512;

    /// <summary>Logarithm of the inverse temperature at the start of training.</summary>
    public float LogitScaleInitValue { get; set; } = 2.6592f;

    /// <summary>From the object in <c>config.json</c>.</summary>
    /// <exception cref="SightlineException">BadModel: a key is missing or sizes do not fit each other.</exception>
    public static ClipConfig Read(JsonElement json, string where)
    {
        var config = PublishedFolder.ReadConfig(json, ClipJson.Default.ClipConfig, where);
        config.TextConfig.Check(where);
        config.VisionConfig.Check(where);
        return config;
    }
}

/// <summary>The text encoder of <see cref="ClipConfig"/>.</summary>
public sealed record ClipTextConfig
{
    /// <summary>Value of <c>model_type</c> where a folder holds a text encoder alone.</summary>
    public const string ModelType = "clip_text_model";

    /// <summary>Entries of the vocabulary.</summary>
    public int VocabSize { get; set; } = 49408;

    /// <summary>Channels of a token.</summary>
    public int HiddenSize { get; set; } = 512;

    /// <summary>Hidden channels of the feed-forward layers.</summary>
    public int IntermediateSize { get; set; } = 2048;

    /// <summary>Layers.</summary>
    public int NumHiddenLayers { get; set; } = 12;

    /// <summary>Heads of every attention.</summary>
    public int NumAttentionHeads { get; set; } = 8;

    /// <summary>Longest text in tokens.</summary>
    public int MaxPositionEmbeddings { get; set; } = 77;

    /// <summary>Activation of the feed-forward layers.</summary>
    public string HiddenAct { get; set; } = "quick_gelu";

    /// <summary>Added to variances.</summary>
    public float LayerNormEps { get; set; } = 1e-5f;

    /// <summary>
    /// The token whose state sums up the text. Files from before this key was put right say 2; there the token with the largest
    /// id is meant.
    /// </summary>
    public int EosTokenId { get; set; } = 49407;

    /// <summary>From the object in <c>config.json</c>.</summary>
    public static ClipTextConfig Read(JsonElement json, string where)
    {
        var config = PublishedFolder.ReadConfig(json, ClipJson.Default.ClipTextConfig, where);
        config.Check(where);
        return config;
    }

    internal void Check(string where)
    {
        PublishedFolder.Require(NumAttentionHeads > 0 && HiddenSize > 0 && HiddenSize % NumAttentionHeads == 0, where, $"hidden_size ({HiddenSize}) of the text encoder must be a multiple of num_attention_heads ({NumAttentionHeads})");
    }
}

/// <summary>The image encoder of <see cref="ClipConfig"/>.</summary>
public sealed record ClipVisionConfig
{
    /// <summary>Value of <c>model_type</c> where a folder holds an image encoder alone.</summary>
    public const string ModelType = "clip_vision_model";

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
    public int PatchSize { get; set; } = 32;

    /// <summary>Activation of the feed-forward layers.</summary>
    public string HiddenAct { get; set; } = "quick_gelu";

    /// <summary>Added to variances.</summary>
    public float LayerNormEps { get; set; } = 1e-5f;

    /// <summary>From the object in <c>config.json</c>.</summary>
    public static ClipVisionConfig Read(JsonElement json, string where)
    {
        var config = PublishedFolder.ReadConfig(json, ClipJson.Default.ClipVisionConfig, where);
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
[JsonSerializable(typeof(ClipConfig))]
internal sealed partial class ClipJson : JsonSerializerContext;
