using System.Text.Json;
using System.Text.Json.Serialization;
using Sightline.Models.Qwen2;

namespace Sightline.Models.QwenVl;

/// <summary>
/// What <c>config.json</c> of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL folder says, in the flat form of the published files (the language model's keys
/// at the top) or the nested one that transformers writes since 4.52 (<c>text_config</c>).
/// </summary>
public sealed record QwenVlConfig
{
    /// <summary>Which generation.</summary>
    public required QwenVlKind Kind { get; init; }

    /// <summary>The language model.</summary>
    public required Qwen2Config Text { get; init; }

    /// <summary>The vision tower.</summary>
    public required QwenVisionConfig Vision { get; init; }

    /// <summary>The token that stands for a row of a picture.</summary>
    public required int ImageTokenId { get; init; }

    /// <summary>The token that stands for a row of a film.</summary>
    public required int VideoTokenId { get; init; }

    /// <summary>The values of <c>model_type</c>.</summary>
    public static IReadOnlyList<string> ModelTypes { get; } = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"];

    /// <summary>From the object in <c>config.json</c>.</summary>
    /// <exception cref="SightlineException">BadModel: a key is missing, sizes do not fit each other, or something is not supported.</exception>
    public static QwenVlConfig Read(JsonElement json, string where)
    {
        var keys = PublishedFolder.ReadConfig(json, QwenVlJson.Default.TopKeys, where);
        var kind = keys.ModelType switch
        {
            "qwen2_vl" => QwenVlKind.Qwen2,
            "qwen2_5_vl" => QwenVlKind.Qwen25,
            "qwen3_vl" => QwenVlKind.Qwen3,
            _ => throw new SightlineException(ErrorKind.BadModel, $"{where} describes a model of type '{keys.ModelType}', but '{string.Join("' or '", ModelTypes)}' is needed: give the folder of such a model"),
        };
        var text = Qwen2Config.Read(json, where);
        PublishedFolder.Require(json.TryGetProperty("vision_config", out var vision) && vision.ValueKind == JsonValueKind.Object, where, "it has no vision_config");
        PublishedFolder.Require(text.MropeSection is { Count: 3 }, where, "its rope_scaling (or rope_parameters) has no mrope_section of three numbers");
        PublishedFolder.Require(keys.ImageTokenId >= 0 && keys.ImageTokenId < text.VocabSize, where, $"image_token_id {keys.ImageTokenId} is outside of the vocabulary of {text.VocabSize}");
        return new QwenVlConfig
        {
            Kind = kind,
            Text = text,
            Vision = QwenVisionConfig.Read(vision, kind, text.HiddenSize, where),
            ImageTokenId = keys.ImageTokenId,
            VideoTokenId = keys.VideoTokenId,
        };
    }

    /// <summary>Keys at the top whatever the form; the defaults are those of <c>configuration_qwen2_vl.py</c>.</summary>
    internal sealed record TopKeys
    {
        public string ModelType { get; set; } = "";

        public int ImageTokenId { get; set; } = 151655;

        public int VideoTokenId { get; set; } = 151656;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(QwenVlConfig.TopKeys))]
[JsonSerializable(typeof(QwenVisionConfig.Keys))]
internal sealed partial class QwenVlJson : JsonSerializerContext;
