using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.QwenVl;

/// <summary>A square of patches to one image token: norm, the patches side by side, two linear layers with an exact GELU between them.</summary>
internal sealed class PatchMerger
{
    private readonly int _joined;
    private readonly bool _joinsFirst;
    private readonly Func<Tensor, Tensor> _norm;
    private readonly FeedForward _layers;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    /// <param name="scope">Where.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="kind">Whose names and norm.</param>
    /// <param name="joinsFirst">Whether the norm is over the joined patches (DeepStack) instead of each.</param>
    public PatchMerger(ParameterScope scope, QwenVisionConfig config, QwenVlKind kind, bool joinsFirst = false)
    {
        _joined = config.Channels * config.MergeUnit;
        _joinsFirst = joinsFirst;
        var isThird = kind == QwenVlKind.Qwen3;
        _norm = QwenVisionBlock.Norm(scope / (isThird ? "norm" : "ln_q"), joinsFirst ? _joined : config.Channels, kind);
        _layers = new FeedForward(
            new Linear(isThird ? scope / "linear_fc1" : scope / "mlp" / 0, _joined, _joined),
            new Linear(isThird ? scope / "linear_fc2" : scope / "mlp" / 2, _joined, config.OutHiddenSize),
            Activation.Gelu);
    }

    /// <summary>patches [P, C] to tokens [N, C'].</summary>
    public Tensor Forward(Tensor x)
    {
        var joined = _joinsFirst ? _norm(Op.Reshape(x, -1, _joined)) : Op.Reshape(_norm(x), -1, _joined);
        return _layers.Forward(joined);
    }
}
