using System.Text.Json.Serialization;

namespace Sightline.Models.Fusion;

/// <summary>
/// The sizes of a fusion grounding model; written to <c>config.json</c> of a model folder. All keys are required there, so
/// that a missing one never trains or loads some other model silently.
/// </summary>
public sealed record FusionConfig
{
    internal const string ImageEncoderKey = "config.json, image_encoder";

    internal const string TextEncoderKey = "config.json, text_encoder";

    /// <summary>Value of <c>model_type</c> in a model folder.</summary>
    public const string ModelType = "sightline_fusion";

    /// <summary>Side of the square canvas in pixels; a multiple of 16. The picture is scaled to fit its middle.</summary>
    [JsonPropertyName("image_size")]
    public required int ImageSize { get; init; }

    /// <summary>Channels after the three stride-2 convolutions of the stem (strides 2, 4 and 8).</summary>
    [JsonPropertyName("stem_channels")]
    public required int[] StemChannels { get; init; }

    /// <summary>Convolutional blocks at stride 8.</summary>
    [JsonPropertyName("local_layers")]
    public required int LocalLayers { get; init; }

    /// <summary>Channels of picture and text tokens: the shared space.</summary>
    [JsonPropertyName("hidden_size")]
    public required int HiddenSize { get; init; }

    /// <summary>Heads of every attention; divides <see cref="HiddenSize"/>.</summary>
    [JsonPropertyName("num_attention_heads")]
    public required int NumAttentionHeads { get; init; }

    /// <summary>Hidden channels of the feed-forward layers, as a multiple of <see cref="HiddenSize"/>.</summary>
    [JsonPropertyName("feed_forward_ratio")]
    public required int FeedForwardRatio { get; init; }

    /// <summary>Transformer layers over picture tokens (stride 16) before the text comes in.</summary>
    [JsonPropertyName("image_layers")]
    public required int ImageLayers { get; init; }

    /// <summary>Transformer layers over the tokens of a phrase before the picture comes in.</summary>
    [JsonPropertyName("text_layers")]
    public required int TextLayers { get; init; }

    /// <summary>Layers in which picture and text look at each other.</summary>
    [JsonPropertyName("fusion_layers")]
    public required int FusionLayers { get; init; }

    /// <summary>Layers in which each phrase, as one vector, looks at its words and the fused picture again.</summary>
    [JsonPropertyName("phrase_layers")]
    public required int PhraseLayers { get; init; }

    /// <summary>Entries of the word-piece vocabulary.</summary>
    [JsonPropertyName("vocab_size")]
    public required int VocabSize { get; init; }

    /// <summary>Channels of the word-piece table, which a linear layer takes to <see cref="HiddenSize"/>.</summary>
    [JsonPropertyName("word_embedding_size")]
    public required int WordEmbeddingSize { get; init; }

    /// <summary>Longest phrase in tokens; longer ones are cut.</summary>
    [JsonPropertyName("max_phrase_tokens")]
    public required int MaxPhraseTokens { get; init; }

    /// <summary>Channels of the box head at stride 8.</summary>
    [JsonPropertyName("head_channels")]
    public required int HeadChannels { get; init; }

    /// <summary>Channels in which regions and phrases are compared.</summary>
    [JsonPropertyName("projection_size")]
    public required int ProjectionSize { get; init; }

    /// <summary>Probability with which residual branches of the transformers are dropped element-wise in training.</summary>
    [JsonPropertyName("dropout")]
    public required float Dropout { get; init; }

    /// <summary>
    /// A published encoder that gives the tokens at stride 16 in the place of the model's own; <see cref="ImageLayers"/> then
    /// counts layers after it. Null: the model's own.
    /// </summary>
    [JsonPropertyName("image_encoder")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PublishedEncoder? ImageEncoder { get; init; }

    /// <summary>
    /// A published encoder that gives the words' features in the place of the model's own; <see cref="TextLayers"/> then counts
    /// layers after it, and <see cref="WordEmbeddingSize"/> is not used. Null: the model's own.
    /// </summary>
    [JsonPropertyName("text_encoder")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PublishedEncoder? TextEncoder { get; init; }

    /// <summary>Patches along one side of the coarse grid (stride 16).</summary>
    [JsonIgnore]
    public int CoarseSide => ImageSize / 16;

    /// <summary>Places along one side of the fine grid (stride 8), where boxes are predicted.</summary>
    [JsonIgnore]
    public int FineSide => ImageSize / 8;

    /// <summary>Two CPU cores train it.</summary>
    public static FusionConfig Nano { get; } = new()
    {
        ImageSize = 320,
        StemChannels = [24, 48, 96],
        LocalLayers = 2,
        HiddenSize = 160,
        NumAttentionHeads = 5,
        FeedForwardRatio = 2,
        ImageLayers = 2,
        TextLayers = 2,
        FusionLayers = 3,
        PhraseLayers = 3,
        VocabSize = 30522,
        WordEmbeddingSize = 64,
        MaxPhraseTokens = 24,
        HeadChannels = 96,
        ProjectionSize = 128,
        Dropout = 0.05f,
    };

    /// <summary>For a desktop processor with time, or a small GPU.</summary>
    public static FusionConfig Small { get; } = Nano with
    {
        ImageSize = 480,
        StemChannels = [32, 64, 160],
        LocalLayers = 3,
        HiddenSize = 256,
        NumAttentionHeads = 8,
        FeedForwardRatio = 4,
        ImageLayers = 4,
        TextLayers = 4,
        FusionLayers = 4,
        PhraseLayers = 4,
        WordEmbeddingSize = 128,
        HeadChannels = 160,
        ProjectionSize = 256,
        Dropout = 0.1f,
    };

    /// <summary>For a GPU.</summary>
    public static FusionConfig Base { get; } = Small with
    {
        ImageSize = 640,
        StemChannels = [48, 96, 256],
        LocalLayers = 4,
        HiddenSize = 512,
        NumAttentionHeads = 8,
        ImageLayers = 8,
        TextLayers = 6,
        FusionLayers = 6,
        PhraseLayers = 6,
        WordEmbeddingSize = 256,
        HeadChannels = 256,
    };

    /// <summary>The named presets.</summary>
    public static IReadOnlyDictionary<string, FusionConfig> Presets { get; } =
        new Dictionary<string, FusionConfig> { ["nano"] = Nano, ["small"] = Small, ["base"] = Base };

    /// <summary>These sizes with a published image encoder in the place of the model's own, without layers after it.</summary>
    public FusionConfig WithImage(PublishedEncoder imageEncoder) => this with { ImageEncoder = imageEncoder, ImageLayers = 0 };

    /// <summary>These sizes with a published text encoder in the place of the model's own, without layers after it, and its vocabulary.</summary>
    public FusionConfig WithText(PublishedEncoder textEncoder)
    {
        var sizes = TextBackbone.SizesOf(textEncoder, TextEncoderKey);
        return this with { TextEncoder = textEncoder, TextLayers = 0, VocabSize = sizes.VocabSize, MaxPhraseTokens = Math.Min(MaxPhraseTokens, sizes.MaxTokens) };
    }

    /// <summary>Checks that the sizes fit each other.</summary>
    /// <exception cref="SightlineException">They do not; the message names the key.</exception>
    public FusionConfig Validate() => Validate("the model configuration");

    /// <summary>As <see cref="Validate()"/>; <paramref name="where"/> is named in the error.</summary>
    internal FusionConfig Validate(string where)
    {
        Require(ImageSize >= 32 && ImageSize % 16 == 0, $"image_size must be a multiple of 16 and at least 32, is {ImageSize}");
        Require(StemChannels is { Length: 3 } && StemChannels.All(c => c > 0), "stem_channels must be three positive numbers");
        Require(HiddenSize > 0 && NumAttentionHeads > 0 && HiddenSize % NumAttentionHeads == 0, $"hidden_size ({HiddenSize}) must be a multiple of num_attention_heads ({NumAttentionHeads})");
        Require(LocalLayers >= 0 && ImageLayers >= 0 && TextLayers >= 0 && FusionLayers >= 0 && PhraseLayers >= 0, "layer counts must not be negative");
        Require(VocabSize > 0 && MaxPhraseTokens > 2 && WordEmbeddingSize > 0, "vocab_size and word_embedding_size must be positive, max_phrase_tokens above 2");
        Require(HeadChannels > 0 && ProjectionSize > 0 && FeedForwardRatio > 0, "head_channels, projection_size and feed_forward_ratio must be positive");
        Require(Dropout is >= 0 and < 1, $"dropout must be in [0, 1), is {Dropout}");
        if (ImageEncoder is { } image)
        {
            ImageBackbone.SizesOf(image, ImageEncoderKey);
            Require(image.ImageMean is { Length: 3 } && image.ImageStd is { Length: 3 } && image.ImageStd.All(s => s > 0), "image_encoder needs image_mean and image_std of three numbers each, deviations positive");
        }

        if (TextEncoder is { } text)
        {
            var sizes = TextBackbone.SizesOf(text, TextEncoderKey);
            Require(VocabSize == sizes.VocabSize, $"vocab_size ({VocabSize}) must be that of the text encoder ({sizes.VocabSize})");
            Require(MaxPhraseTokens <= sizes.MaxTokens, $"max_phrase_tokens ({MaxPhraseTokens}) must not be above what the text encoder takes ({sizes.MaxTokens})");
        }

        // far above anything useful; a damaged file must not ask for all memory
        Require(ImageSize <= 4096 && HiddenSize <= 8192 && VocabSize <= 1_000_000 && WordEmbeddingSize <= 8192 && MaxPhraseTokens <= 4096, "a size is out of range");
        Require(StemChannels.All(c => c <= 4096) && HeadChannels <= 8192 && ProjectionSize <= 8192 && FeedForwardRatio <= 64, "a size is out of range");
        Require(Math.Max(Math.Max(LocalLayers, ImageLayers), Math.Max(TextLayers, Math.Max(FusionLayers, PhraseLayers))) <= 256, "a layer count is out of range");
        return this;

        void Require(bool holds, string problem)
        {
            if (!holds) throw new SightlineException(ErrorKind.BadModel, $"{where} cannot be used: {problem}");
        }
    }
}
