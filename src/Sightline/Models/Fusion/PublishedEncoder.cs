using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Sightline.Checkpoints;
using Sightline.Imaging;
using Sightline.Models.Bert;
using Sightline.Models.Clip;
using Sightline.Models.Dinov2;
using Sightline.Models.Qwen2;
using Sightline.Models.Siglip;
using Sightline.Models.Vit;

namespace Sightline.Models.Fusion;

/// <summary>
/// The section of a fusion model's <c>config.json</c> that puts a published encoder in the place of its own: which architecture, and
/// that architecture's own configuration. Weights are below <c>image_encoder.backbone</c> or <c>text_encoder.backbone</c>.
/// </summary>
public sealed record PublishedEncoder
{
    /// <summary>Image: vit, clip_vision_model, siglip_vision_model or dinov2. Text: bert, clip_text_model or qwen2.</summary>
    [JsonPropertyName("model_type")]
    public required string ModelType { get; init; }

    /// <summary>Means of red, green and blue in 0..1 that an image encoder was trained with.</summary>
    [JsonPropertyName("image_mean")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float[]? ImageMean { get; init; }

    /// <summary>Standard deviations of red, green and blue.</summary>
    [JsonPropertyName("image_std")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float[]? ImageStd { get; init; }

    /// <summary>The architecture's configuration, as published.</summary>
    [JsonPropertyName("config")]
    public required JsonElement Config { get; init; }

    /// <summary>The image encoder of a published folder: vit, clip, clip_vision_model, siglip, siglip_vision_model or dinov2.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: no such encoder, or an unusable configuration.</exception>
    public static PublishedEncoder ReadImage(string path)
    {
        using var folder = PublishedFolder.Open(
            path, VitConfig.ModelType, ClipConfig.ModelType, ClipVisionConfig.ModelType, SiglipConfig.ModelType, SiglipVisionConfig.ModelType, Dinov2Config.ModelType);
        var normalization = PicturePreprocessor.Load(path).Normalization;
        var section = folder.ModelType switch
        {
            ClipConfig.ModelType => Part(folder, ClipVisionConfig.ModelType, "vision_config"),
            SiglipConfig.ModelType => Part(folder, SiglipVisionConfig.ModelType, "vision_config"),
            var type => new PublishedEncoder { ModelType = type, Config = folder.Config.Clone() },
        };
        section = section with { ImageMean = [.. normalization.Mean], ImageStd = [.. normalization.Std] };
        ImageBackbone.SizesOf(section, folder.ConfigPath);
        return section;
    }

    /// <summary>The text encoder of a published folder: bert, clip, clip_text_model, or the language model of qwen2, qwen2_vl or qwen2_5_vl.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: no such encoder, or an unusable configuration.</exception>
    public static PublishedEncoder ReadText(string path)
    {
        using var folder = PublishedFolder.Open(path, [BertConfig.ModelType, ClipConfig.ModelType, ClipTextConfig.ModelType, .. Qwen2Config.ModelTypes]);
        var section = folder.ModelType switch
        {
            ClipConfig.ModelType => Part(folder, ClipTextConfig.ModelType, "text_config"),
            BertConfig.ModelType or ClipTextConfig.ModelType => new PublishedEncoder { ModelType = folder.ModelType, Config = folder.Config.Clone() },
            _ => new PublishedEncoder { ModelType = Qwen2Config.ModelTypes[0], Config = LanguagePart(folder.Config) },
        };
        TextBackbone.SizesOf(section, folder.ConfigPath);
        return section;
    }

    /// <summary>Opens the weights of a published folder under the names that this section's model gives them.</summary>
    public Checkpoint OpenWeights(string path) => Checkpoint.Open(path, ModelType switch
    {
        VitConfig.ModelType => VitModel.Rename,
        Dinov2Config.ModelType => Dinov2Model.Rename,
        ClipVisionConfig.ModelType or SiglipVisionConfig.ModelType => name => Below(name, "vision_model."),
        ClipTextConfig.ModelType => name => Below(name, "text_model."),
        BertConfig.ModelType => BertModel.Rename,
        _ => name => Below(Qwen2Model.Rename(name), "model."),
    });

    /// <summary>How levels become the encoder's numbers; null for a text encoder.</summary>
    internal PixelNormalization? Normalization => ImageMean is { Length: 3 } mean && ImageStd is { Length: 3 } std ? new PixelNormalization(mean, std) : null;

    private static PublishedEncoder Part(HuggingFaceFolder folder, string modelType, string key) => folder.Config.TryGetProperty(key, out var part)
        ? new PublishedEncoder { ModelType = modelType, Config = part.Clone() }
        : throw new SightlineException(ErrorKind.BadModel, $"{folder.ConfigPath} has no {key}: fetch it again");

    /// <summary>A vision-language configuration without what is not the language model's; whether tables are tied does not matter for hidden states.</summary>
    private static JsonElement LanguagePart(JsonElement config)
    {
        if (config.TryGetProperty("text_config", out var text) && text.ValueKind == JsonValueKind.Object) return text.Clone();
        var json = JsonNode.Parse(config.GetRawText())!.AsObject();
        json.Remove("vision_config");
        using var document = JsonDocument.Parse(json.ToJsonString());
        return document.RootElement.Clone();
    }

    private static string? Below(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : null;
}
