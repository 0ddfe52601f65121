using System.Text.Json;

namespace Sightline.Models.QwenVl;

/// <summary>The sizes of a vision tower, from <c>vision_config</c>; Qwen2-VL and its successors name them differently.</summary>
public sealed record QwenVisionConfig
{
    /// <summary>Layers.</summary>
    public required int Depth { get; init; }

    /// <summary>Channels of a patch (Qwen2-VL: <c>embed_dim</c>).</summary>
    public required int Channels { get; init; }

    /// <summary>Hidden channels of the feed-forward layers (Qwen2-VL: <c>embed_dim</c> times <c>mlp_ratio</c>).</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Attention heads.</summary>
    public required int NumHeads { get; init; }

    /// <summary>Channels of an image token: the language model's.</summary>
    public required int OutHiddenSize { get; init; }

    /// <summary>Channels of a pixel.</summary>
    public required int InChannels { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Frames of a patch.</summary>
    public required int TemporalPatchSize { get; init; }

    /// <summary>Side in patches of the square that becomes one image token.</summary>
    public required int SpatialMergeSize { get; init; }

    /// <summary>Activation of the feed-forward layers.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>Side of an attention window in pixels; null: attention over the whole picture in every layer.</summary>
    public int? WindowSize { get; init; }

    /// <summary>Layers that see the whole picture in a tower with windows.</summary>
    public IReadOnlyList<int> FullAttentionLayers { get; init; } = [];

    /// <summary>Side of the square table of learned positions; null: there is none.</summary>
    public int? PositionSide { get; init; }

    /// <summary>Layers whose output also goes to the language model's first layers (DeepStack).</summary>
    public IReadOnlyList<int> DeepstackLayers { get; init; } = [];

    /// <summary>Numbers of one patch: a row of <c>pixel_values</c>.</summary>
    public int PatchLength => InChannels * TemporalPatchSize * PatchSize * PatchSize;

    /// <summary>Patches of one image token.</summary>
    public int MergeUnit => SpatialMergeSize * SpatialMergeSize;

    internal static QwenVisionConfig Read(JsonElement json, QwenVlKind kind, int textChannels, string where)
    {
        var keys = PublishedFolder.ReadConfig(json, QwenVlJson.Default.Keys, $"{where} (vision_config)");
        // in Qwen2-VL hidden_size is what comes out, and the tower's own channels are embed_dim
        var channels = kind == QwenVlKind.Qwen2 ? Need(keys.EmbedDim, "embed_dim") : Need(keys.HiddenSize, "hidden_size");
        var output = (kind == QwenVlKind.Qwen2 ? keys.HiddenSize : keys.OutHiddenSize) ?? textChannels;
        var positions = kind == QwenVlKind.Qwen3 ? Need(keys.NumPositionEmbeddings, "num_position_embeddings") : 0;
        var config = new QwenVisionConfig
        {
            Depth = Need(keys.Depth, "depth"),
            Channels = channels,
            IntermediateSize = kind == QwenVlKind.Qwen2 ? (int)(channels * (keys.MlpRatio ?? 4)) : Need(keys.IntermediateSize, "intermediate_size"),
            NumHeads = Need(keys.NumHeads, "num_heads"),
            OutHiddenSize = output,
            InChannels = keys.InChannels ?? keys.InChans ?? 3,
            PatchSize = keys.PatchSize ?? (kind == QwenVlKind.Qwen3 ? 16 : 14),
            TemporalPatchSize = keys.TemporalPatchSize ?? 2,
            SpatialMergeSize = keys.SpatialMergeSize ?? 2,
            HiddenAct = keys.HiddenAct ?? (kind switch { QwenVlKind.Qwen2 => "quick_gelu", QwenVlKind.Qwen25 => "silu", _ => "gelu_pytorch_tanh" }),
            WindowSize = kind == QwenVlKind.Qwen25 ? Need(keys.WindowSize, "window_size") : null,
            FullAttentionLayers = kind == QwenVlKind.Qwen25 ? keys.FullattBlockIndexes ?? [] : [],
            PositionSide = kind == QwenVlKind.Qwen3 ? (int)Math.Sqrt(positions) : null,
            DeepstackLayers = kind == QwenVlKind.Qwen3 ? keys.DeepstackVisualIndexes ?? [] : [],
        };
        config.Check(textChannels, positions, $"{where} (vision_config)");
        return config;

        int Need(int? value, string key) => value ?? throw new SightlineException(ErrorKind.BadModel, $"{where} cannot be used: its vision_config has no {key}");
    }

    private void Check(int textChannels, int positions, string where)
    {
        PublishedFolder.Require(Depth > 0 && NumHeads > 0 && IntermediateSize > 0 && PatchSize > 0 && SpatialMergeSize > 0 && TemporalPatchSize > 0 && InChannels > 0, where, "sizes must be positive");
        PublishedFolder.Require(Channels > 0 && Channels % NumHeads == 0 && Channels / NumHeads % 4 == 0, where, $"{Channels} channels do not make {NumHeads} heads of a multiple of 4 channels");
        PublishedFolder.Require(OutHiddenSize == textChannels, where, $"image tokens have {OutHiddenSize} channels and the language model {textChannels}");
        PublishedFolder.Require(WindowSize is not { } window || window / PatchSize / SpatialMergeSize > 0, where, $"windows of {WindowSize} pixels are smaller than an image token");
        PublishedFolder.Require(PositionSide is not { } side || side * side == positions, where, $"num_position_embeddings ({positions}) is no square");
        PublishedFolder.Require(DeepstackLayers.All(layer => layer >= 0 && layer < Depth) && FullAttentionLayers.All(layer => layer >= 0 && layer < Depth), where, $"a layer of fullatt_block_indexes or deepstack_visual_indexes is not among the {Depth} layers");
    }

    /// <summary>The file's keys under both generations' names.</summary>
    internal sealed record Keys
    {
        public int? Depth { get; init; }

        public int? EmbedDim { get; init; }

        public int? HiddenSize { get; init; }

        public int? OutHiddenSize { get; init; }

        public int? IntermediateSize { get; init; }

        public double? MlpRatio { get; init; }

        public int? NumHeads { get; init; }

        public int? InChannels { get; init; }

        public int? InChans { get; init; }

        public int? PatchSize { get; init; }

        public int? TemporalPatchSize { get; init; }

        public int? SpatialMergeSize { get; init; }

        public string? HiddenAct { get; init; }

        public int? WindowSize { get; init; }

        public int[]? FullattBlockIndexes { get; init; }

        public int? NumPositionEmbeddings { get; init; }

        public int[]? DeepstackVisualIndexes { get; init; }
    }
}
