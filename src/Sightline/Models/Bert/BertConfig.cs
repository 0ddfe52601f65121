using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sightline.Models.Bert;

/// <summary>
/// The sizes of a BERT (Devlin et al. 2019) under the names of a Hugging Face <c>config.json</c>
/// (<c>transformers/models/bert/configuration_bert.py</c>). Keys with a value here may be missing there.
/// </summary>
public sealed record BertConfig
{
    /// <summary>Value of <c>model_type</c>.</summary>
    public const string ModelType = "bert";

    /// <summary>Entries of the vocabulary.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Channels of a token.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Heads of every attention.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Hidden channels of the feed-forward layers.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Longest text in tokens.</summary>
    public int MaxPositionEmbeddings { get; set; } = 512;

    /// <summary>Kinds of segments.</summary>
    public int TypeVocabSize { get; set; } = 2;

    /// <summary>The token that fills a batch; its vector is not trained.</summary>
    public int? PadTokenId { get; set; } = 0;

    /// <summary>Activation of the feed-forward layers.</summary>
    public string HiddenAct { get; set; } = "gelu";

    /// <summary>Added to variances.</summary>
    public float LayerNormEps { get; set; } = 1e-12f;

    /// <summary>From the object in <c>config.json</c>.</summary>
    /// <exception cref="SightlineException">BadModel: a key is missing or sizes do not fit each other.</exception>
    public static BertConfig Read(JsonElement json, string where)
    {
        var config = PublishedFolder.ReadConfig(json, BertJson.Default.BertConfig, where);
        PublishedFolder.Require(config.NumAttentionHeads > 0 && config.HiddenSize > 0 && config.HiddenSize % config.NumAttentionHeads == 0, where, $"hidden_size ({config.HiddenSize}) must be a multiple of num_attention_heads ({config.NumAttentionHeads})");
        return config;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(BertConfig))]
internal sealed partial class BertJson : JsonSerializerContext;
