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
    internal FusionConfig Validate(string where) => Validate(problem => new SightlineException(ErrorKind.BadModel, $"{where} cannot be used: {problem}"));

    /// <summary>As <see cref="Validate()"/>; <paramref name="refusal"/> makes the error from a sentence that begins with a key.</summary>
    public FusionConfig Validate(Func<string, SightlineException> refusal)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        // the upper limits are far above anything useful; a damaged file must not ask for all memory
        Require(ImageSize is >= 32 and <= 4096 && ImageSize % 16 == 0, $"image_size must be a multiple of 16 from 32 to 4096, is {ImageSize}");
        Require(StemChannels is { Length: 3 } && StemChannels.All(c => c is > 0 and <= 4096), "stem_channels must be three numbers from 1 to 4096");
        foreach (var (key, value, most) in new[]
        {
            ("hidden_size", HiddenSize, 8192), ("num_attention_heads", NumAttentionHeads, 8192), ("vocab_size", VocabSize, 1_000_000), ("word_embedding_size", WordEmbeddingSize, 8192),
            ("head_channels", HeadChannels, 8192), ("projection_size", ProjectionSize, 8192), ("feed_forward_ratio", FeedForwardRatio, 64),
        }) Require(value > 0 && value <= most, $"{key} must be from 1 to {most}, is {value}");
        foreach (var (key, value) in new[]
        {
            ("local_layers", LocalLayers), ("image_layers", ImageLayers), ("text_layers", TextLayers), ("fusion_layers", FusionLayers), ("phrase_layers", PhraseLayers),
        }) Require(value is >= 0 and <= 256, $"{key} must be from 0 to 256, is {value}");
        Require(HiddenSize % NumAttentionHeads == 0, $"hidden_size ({HiddenSize}) must be a multiple of num_attention_heads ({NumAttentionHeads})");
        Require(MaxPhraseTokens is > 2 and <= 4096, $"max_phrase_tokens must be from 3 to 4096, is {MaxPhraseTokens}");
        Require(Dropout is >= 0 and < 1, FormattableString.Invariant($"dropout must be in [0, 1), is {Dropout}"));
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

        return this;

        void Require(bool holds, string problem)
        {
            if (!holds) throw refusal(problem);
        }
    }
}
