using Sightline.Generation;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Models.QwenVl;

/// <summary>
/// The vision tower of Qwen2-VL (Wang et al. 2024), Qwen2.5-VL (Bai et al. 2025) and Qwen3-VL: a transformer over the patches of
/// pictures of any size, then squares of patches merged into image tokens of the language model's width. Parameter paths are those of
/// the published checkpoints below <c>visual</c>.
/// <para>P patches of all pictures, C channels, N image tokens, C' channels of the language model.</para>
/// </summary>
public sealed class QwenVisionModel
{
    private readonly QwenVisionConfig _config;
    private readonly Tensor _patchWeight;
    private readonly Tensor? _patchBias;
    private readonly LearnedPositions? _positions;
    private readonly QwenVisionBlock[] _blocks;
    private readonly PatchMerger _merger;
    private readonly PatchMerger[] _levelMergers;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public QwenVisionModel(QwenVisionConfig config, QwenVlKind kind, ParameterScope scope)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        var patch = scope / "patch_embed" / "proj";
        _patchWeight = patch.Get("weight", [config.Channels, config.InChannels, config.TemporalPatchSize, config.PatchSize, config.PatchSize], Initializer.FanIn());
        _patchBias = kind == QwenVlKind.Qwen3 ? patch.Get("bias", [config.Channels], Initializer.Zeros) : null;
        _positions = config.PositionSide is { } side ? new LearnedPositions(scope / "pos_embed", side, config.Channels) : null;
        _blocks = [.. Enumerable.Range(0, config.Depth).Select(i => new QwenVisionBlock(scope / "blocks" / i, config, kind))];
        _merger = new PatchMerger(scope / "merger", config, kind);
        _levelMergers = [.. Enumerable.Range(0, config.DeepstackLayers.Count).Select(i => new PatchMerger(scope / "deepstack_merger_list" / i, config, kind, joinsFirst: true))];
    }

    /// <summary>As <see cref="Qwen2.Qwen2Model.RecomputesLayers"/>.</summary>
    public bool RecomputesLayers { get; set; }

    /// <summary>The image tokens of some pictures, one after another.</summary>
    /// <param name="pixels">Patches of all pictures, [P, <see cref="QwenVisionConfig.PatchLength"/>].</param>
    /// <param name="grids">How they lie.</param>
    /// <param name="watch">Is shown intermediate results under the names of <c>sightline verify</c>: <c>vision.patch_embed</c>, <c>vision.block.0</c>, ..</param>
    /// <param name="cancellation">Noticed after each layer.</param>
    /// <returns>Embeddings [N, C'], and what DeepStack adds to the language model's first layers, [N, C'] each.</returns>
    /// <exception cref="ShapeException">Patches and grids do not fit each other.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public (Tensor Embeddings, IReadOnlyList<Tensor> Levels) Forward(
        Tensor pixels, ReadOnlySpan<PictureGrid> grids, Action<string, Tensor>? watch = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        VisionGrids.Check(grids, _config.SpatialMergeSize);
        var lengths = VisionGrids.PictureLengths(grids);
        if (pixels.Shape.Rank != 2 || pixels.Shape[0] != lengths.Sum() || pixels.Shape[1] != _config.PatchLength)
            throw new ShapeException($"the vision tower needs {lengths.Sum()} patches of {_config.PatchLength} numbers for pictures of {string.Join(", ", grids.ToArray())} patches, got {pixels}");

        var x = Op.Linear(pixels, Op.Reshape(_patchWeight, _config.Channels, -1), _patchBias);      // [P, C]
        watch?.Invoke("vision.patch_embed", x);
        if (_positions is not null) x = Op.Add(x, _positions.Forward(grids, _config.SpatialMergeSize));
        var places = VisionGrids.Positions(grids, _config.SpatialMergeSize);
        var whole = AttentionLayout.Packed(lengths);
        var parts = whole;
        int[]? order = null;
        if (_config.WindowSize is { } window)
        {
            (order, var windows) = VisionGrids.Windows(grids, _config.SpatialMergeSize, window / _config.SpatialMergeSize / _config.PatchSize);
            parts = AttentionLayout.Packed(windows);
            x = Reorder(x, order, _config.MergeUnit);
            places = Reorder(places, order, _config.MergeUnit);
        }

        var angles = RotaryAngles.OfGrid(places, _config.Channels / _config.NumHeads);
        var levels = new Tensor[_levelMergers.Length];
        for (var i = 0; i < _blocks.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var isWhole = order is null || _config.FullAttentionLayers.Contains(i);
            x = Run(_blocks[i], x, angles, isWhole ? whole : parts, owns: i > 0 && watch is null);
            watch?.Invoke($"vision.block.{i}", x);
            for (var level = 0; level < levels.Length; level++)
            {
                if (_config.DeepstackLayers[level] != i) continue;
                levels[level] = Merge(_levelMergers[level], x);
                watch?.Invoke($"vision.deepstack.{level}", levels[level]);
            }
        }

        watch?.Invoke("vision.last_hidden_state", x);
        var embeddings = Merge(_merger, x);
        if (order is not null) embeddings = Reorder(embeddings, Inverse(order), 1);
        watch?.Invoke("vision.image_embeds", embeddings);
        return (embeddings, levels);
    }

    /// <summary>The windows of some pictures: the order of their image tokens and the bounds between windows, in patches; null where the tower has none.</summary>
    internal (int[] Order, int[] Bounds)? Windows(ReadOnlySpan<PictureGrid> grids)
    {
        if (_config.WindowSize is not { } window) return null;
        var (order, lengths) = VisionGrids.Windows(grids, _config.SpatialMergeSize, window / _config.SpatialMergeSize / _config.PatchSize);
        var bounds = new int[lengths.Length + 1];
        for (var i = 0; i < lengths.Length; i++) bounds[i + 1] = bounds[i] + lengths[i];
        return (order, bounds);
    }

    /// <summary>One layer. What it makes on the way, and what goes in where it is not needed any more, is freed unless a tape needs it.</summary>
    private Tensor Run(QwenVisionBlock block, Tensor x, RotaryAngles angles, AttentionLayout layout, bool owns)
    {
        if (RecomputesLayers && Tape.IsRecording) return Checkpoint.Run(input => block.Forward(input, angles, layout), x);
        if (Tape.IsRecording) return block.Forward(x, angles, layout);
        using var scope = TensorScope.Open();
        var y = scope.Keep(block.Forward(x, angles, layout));
        if (owns) x.Dispose();
        return y;
    }

    private static Tensor Merge(PatchMerger merger, Tensor x)
    {
        if (Tape.IsRecording) return merger.Forward(x);
        using var scope = TensorScope.Open();
        return scope.Keep(merger.Forward(x));
    }

    /// <summary>Groups of rows in another order: group i of the result is group order[i] of x.</summary>
    private static Tensor Reorder(Tensor x, int[] order, int group)
    {
        long[] ids = [.. order];
        var rows = Op.IndexRows(Op.Reshape(x, order.Length, -1), Tensor.From(ids, [ids.Length]));
        return Op.Reshape(rows, order.Length * group, -1);
    }

    private static long[] Reorder(long[] places, int[] order, int group)
    {
        var moved = new long[places.Length];
        var count = places.Length / 2;
        for (var i = 0; i < count; i++)
        {
            var from = (order[i / group] * group) + (i % group);
            (moved[i], moved[count + i]) = (places[from], places[count + from]);
        }

        return moved;
    }

    private static int[] Inverse(int[] order)
    {
        var inverse = new int[order.Length];
        for (var i = 0; i < order.Length; i++) inverse[order[i]] = i;
        return inverse;
    }
}
