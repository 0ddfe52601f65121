using System.Text.Json.Serialization;
using Sightline.Imaging.Augmentation;
using Sightline.Models.Fusion;
using Sightline.Training.Grounding;

namespace Sightline.Training.Recipes;

/// <summary>Everything that decides a training run, as read from a JSON file. Unknown keys are errors.</summary>
public sealed record TrainingRecipe : RunRecipe
{
    /// <summary>The model to train.</summary>
    public ModelRecipe Model { get; set; } = new();

    /// <summary>Where samples come from; drawn in proportion to their weights.</summary>
    public required IReadOnlyList<SourceRecipe> Train { get; set; }

    /// <summary>What is measured during and after training; never trained on.</summary>
    public IReadOnlyList<SourceRecipe> Validation { get; set; } = [];

    /// <summary>
    /// Memory in MiB for decoded training and validation pictures, scaled to what the canvas can show. Pictures that do not fit are read and decoded
    /// whenever they are needed.
    /// </summary>
    public int PictureMemory { get; set; } = 1024;

    /// <summary>The stages in order.</summary>
    public required IReadOnlyList<StageRecipe> Stages { get; set; }

    /// <inheritdoc/>
    public override IReadOnlyList<StageSummary> Course() => [.. Stages.Select(stage => new StageSummary(stage.Kind.ToString(), stage.Steps))];

    /// <inheritdoc/>
    public override string ToJson() => RecipeReader.Write(this);

    /// <inheritdoc/>
    internal override RunRecipe Comparable() => this with { Output = null, PictureMemory = 0 };
}

/// <summary>Which network, and what it starts from.</summary>
public sealed record ModelRecipe
{
    /// <summary>A name of <see cref="FusionConfig.Presets"/>.</summary>
    public string Preset { get; set; } = "nano";

    /// <summary>Sizes of one's own instead of a preset's; all keys of a model's config.json.</summary>
    public FusionConfig? Config { get; set; }

    /// <summary>Another canvas than the preset's, in pixels (a multiple of 16).</summary>
    public int? ImageSize { get; set; }

    /// <summary>Another dropout than the preset's.</summary>
    public float? Dropout { get; set; }

    /// <summary>A model folder to start from; parameters that fit are taken, others start anew.</summary>
    public string? InitializeFrom { get; set; }

    /// <summary>A published folder (ViT, CLIP, SigLIP or DINOv2) whose image encoder takes the place of the model's own.</summary>
    public string? ImageEncoderFrom { get; set; }

    /// <summary>A published folder (BERT, CLIP or Qwen2) whose text encoder and tokenizer take the place of the model's own.</summary>
    public string? TextEncoderFrom { get; set; }

    /// <summary>Folder of the word-piece tokenizer of the model's own text encoder.</summary>
    public string Tokenizer { get; set; } = "models/nano";

    /// <summary>The folder that the tokenizer is read from: it follows the text encoder.</summary>
    public string TokenizerFolder() => TextEncoderFrom ?? (Inherited()?.TextEncoder is null ? Tokenizer : InitializeFrom!);

    /// <summary>The sizes that result.</summary>
    public FusionConfig ToConfig()
    {
        var config = Config;
        if (config is null && !FusionConfig.Presets.TryGetValue(Preset, out config))
            throw new SightlineException(ErrorKind.BadRecipe, $"model.preset is '{Preset}'; known are {string.Join(", ", FusionConfig.Presets.Keys)}");
        config = config! with { ImageSize = ImageSize ?? config.ImageSize, Dropout = Dropout ?? config.Dropout };
        var inherited = Inherited();
        var image = ImageEncoderFrom is { } imageFolder ? PublishedEncoder.ReadImage(imageFolder) : inherited?.ImageEncoder;
        var text = TextEncoderFrom is { } textFolder ? PublishedEncoder.ReadText(textFolder) : inherited?.TextEncoder;
        if (image is not null) config = config.WithImage(image) with { ImageLayers = config.ImageEncoder is not null ? config.ImageLayers : ImageEncoderFrom is null ? inherited!.ImageLayers : 0 };
        if (text is not null) config = config.WithText(text) with { TextLayers = config.TextEncoder is not null ? config.TextLayers : TextEncoderFrom is null ? inherited!.TextLayers : 0 };
        return config.Validate(problem => new SightlineException(ErrorKind.BadRecipe, $"model.{(IsOfConfig(problem) ? "config." : "")}{problem}"));
    }

    /// <summary>Whether a sentence is about a key of <see cref="Config"/>, and not about one that stands beside it.</summary>
    private bool IsOfConfig(string problem) => Config is not null
        && !(ImageSize is not null && problem.StartsWith("image_size", StringComparison.Ordinal)) && !(Dropout is not null && problem.StartsWith("dropout", StringComparison.Ordinal));

    /// <summary>The configuration of the folder that the model starts from, whose published encoders are kept.</summary>
    private FusionConfig? Inherited()
    {
        if (InitializeFrom is null) return null;
        using var folder = Checkpoints.HuggingFaceFolder.Open(InitializeFrom);
        return folder.ModelType == FusionConfig.ModelType ? FusionFolder.ReadConfig(folder) : null;
    }
}

/// <summary>One source of samples: generated scenes, or labelled pictures on disk.</summary>
public sealed record SourceRecipe
{
    internal const int MostAbsentPhrases = 64;

    /// <summary>How the source is called in logs.</summary>
    public required string Name { get; set; }

    /// <summary>Share of the samples that it gives, relative to the other sources.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>Generated scenes.</summary>
    public SceneRecipe? Scenes { get; set; }

    /// <summary>Labelled pictures.</summary>
    public PictureRecipe? Pictures { get; set; }

    /// <summary>
    /// Up to so many phrases a sample that mean nothing there, in training: classes of the other training sources (those that share no words with
    /// this source's own) and what <see cref="AbsentFrom"/> lists.
    /// </summary>
    public int AbsentPhrases { get; set; }

    /// <summary>A JSON list of phrases for things that this source never shows, or a class name file; half of the absent phrases then come from it.</summary>
    public string? AbsentFrom { get; set; }
}

/// <summary>Scenes made by the generator; endless.</summary>
public sealed record SceneRecipe
{
    /// <summary>Smallest and largest side in pixels.</summary>
    public int MinimumSide { get; set; } = 128;

    /// <summary>Largest side in pixels.</summary>
    public int MaximumSide { get; set; } = 192;

    /// <summary>Fewest objects.</summary>
    public int MinimumObjects { get; set; } = 2;

    /// <summary>Most objects.</summary>
    public int MaximumObjects { get; set; } = 7;

    /// <summary>Phrases a scene.</summary>
    public int Phrases { get; set; } = 6;

    /// <summary>Only phrases that describe an object by itself (class and attributes).</summary>
    public bool AttributesOnly { get; set; }

    /// <summary>Colour-and-shape pairs ("red star") that never appear, for zero-shot measurement.</summary>
    public IReadOnlyList<string> HeldOut { get; set; } = [];

    /// <summary>Only scenes that show a held-out pair.</summary>
    public bool ShowHeldOut { get; set; }

    /// <summary>Scenes in a validation source.</summary>
    public int Count { get; set; } = 200;

    /// <summary>First scene; validation takes another range or seed than training.</summary>
    public ulong Seed { get; set; }
}

/// <summary>Labelled pictures of a data set in any readable format.</summary>
public sealed record PictureRecipe
{
    /// <summary>The data set.</summary>
    public required string Path { get; set; }

    /// <summary>Its split to use, where the data set names splits.</summary>
    public string? Split { get; set; }

    /// <summary>Without named splits: every how-manieth block of neighbouring names is held out.</summary>
    public int HoldOutEvery { get; set; }

    /// <summary>Pictures in such a block; neighbours can be near-duplicates.</summary>
    public int HoldOutBlock { get; set; } = 12;

    /// <summary>Take the held-out blocks instead of the others.</summary>
    public bool HeldOutPart { get; set; }

    /// <summary>A JSON file with readable phrases for class names.</summary>
    public string? Phrases { get; set; }

    /// <summary>Referring expressions generated for each sample, beside the class phrases.</summary>
    public int Expressions { get; set; }

    /// <summary>
    /// Classes of which not every object is labelled. No expression is then made whose answer could be an object without a
    /// label ("the leftmost red blood cell").
    /// </summary>
    public IReadOnlyList<string> IncompleteLabels { get; set; } = [];

    /// <summary>Use class phrases.</summary>
    public bool Classes { get; set; } = true;

    /// <summary>What the pictures are and where they come from, for the model card.</summary>
    public string? About { get; set; }

    /// <summary>Their licence, for the model card.</summary>
    public string? Licence { get; set; }

    /// <summary>Turn training pictures by random quarters, for sets without an up (microscopy, things on a table). Expressions are made afterwards.</summary>
    public bool QuarterTurns { get; set; }

    /// <summary>Random changes of training samples; null: none.</summary>
    public AugmentationOptions? Augmentation { get; set; }
}

/// <summary>What a stage of training minimises.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<StageKind>))]
public enum StageKind
{
    /// <summary>Contrastive pre-training of regions with phrases.</summary>
    Contrastive,

    /// <summary>Boxes and alignment, the whole model.</summary>
    Boxes,
}

/// <summary>One stage of training.</summary>
public sealed record StageRecipe : StageOptions
{
    /// <summary>What it minimises.</summary>
    public required StageKind Kind { get; set; }

    /// <summary>Pictures a micro-batch. 0: the largest that fits into memory.</summary>
    public int Batch { get; set; } = 8;

    /// <summary>Micro-batches an optimizer step.</summary>
    public int Accumulate { get; set; } = 1;

    /// <summary>The contrastive loss.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<ContrastiveLossKind>))]
    public ContrastiveLossKind Contrast { get; set; } = ContrastiveLossKind.InfoNce;

    /// <summary>Weights of the parts of the box loss.</summary>
    public GroundingLossWeights Loss { get; set; } = new();

    /// <summary>How places are matched to objects.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<MatchingKind>))]
    public MatchingKind Matching { get; set; } = MatchingKind.OneToMany;

    /// <summary>Most phrases a sample; more are drawn from.</summary>
    public int MaximumPhrases { get; set; } = 8;

    /// <summary>Share of the samples of a box stage that are asked one to three phrases, as applications ask.</summary>
    public double FewPhrases { get; set; } = 0.25;

    /// <summary>Weights and activations of the forward and backward pass in bfloat16, with float32 master weights.</summary>
    public bool MixedPrecision { get; set; }

    /// <summary>
    /// Matrix products may round their operands to bfloat16, as <see cref="Sightline.Tensors.BFloat16Products"/> says; all else stays float32. Faster where the processor multiplies pairs of bfloat16.
    /// </summary>
    [JsonPropertyName("bfloat16_products")]
    public bool BFloat16Products { get; set; }
}
