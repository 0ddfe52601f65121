using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>
/// Fused tokens back up to stride 8, where every place predicts one box and one vector to compare with phrases (anchor-free:
/// Tian et al. 2019, FCOS; alignment by dot product: Li et al. 2022, GLIP).
/// </summary>
internal sealed class BoxHead
{
    private readonly FusionConfig _config;
    private readonly LayerNorm _coarseNorm;
    private readonly Linear _coarse;
    private readonly Linear _fine;
    private readonly Conv2d _mix;
    private readonly LayerNorm _mixNorm;
    private readonly Conv2d _boxMix;
    private readonly LayerNorm _boxNorm;
    private readonly Linear _box;
    private readonly Linear _embedding;
    private readonly Linear _embeddingPosition;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public BoxHead(ParameterScope scope, FusionConfig config)
    {
        _config = config;
        var channels = config.HeadChannels;
        _coarseNorm = new LayerNorm(scope / "coarse_norm", config.HiddenSize);
        _coarse = new Linear(scope / "coarse", config.HiddenSize, channels);
        _fine = new Linear(scope / "fine", config.StemChannels[2], channels);
        _mix = new Conv2d(scope / "mix", channels, channels, kernel: 3);
        _mixNorm = new LayerNorm(scope / "mix_norm", channels);
        _boxMix = new Conv2d(scope / "box_mix", channels, channels, kernel: 3);
        _boxNorm = new LayerNorm(scope / "box_norm", channels);
        _box = new Linear(scope / "box", channels, 4, initializer: Initializer.TruncatedNormal(0.01f));
        _embedding = new Linear(scope / "embedding", channels, config.ProjectionSize);
        _embeddingPosition = new Linear(scope / "embedding_position", PositionFeatures.Channels, config.ProjectionSize, bias: false, initializer: Initializer.Zeros);
    }

    /// <summary>
    /// fine [B, F, F, Cf] and tokens [B·N, C] to boxes [B·M, 4] (xyxy in 0..1 of the canvas) and vectors [B·M, E], M = F².
    /// </summary>
    /// <param name="fine">Features at stride 8.</param>
    /// <param name="tokens">Fused tokens at stride 16.</param>
    /// <param name="positions">Position embeddings of the tokens, [B·N, C].</param>
    /// <param name="geometry">Where the places are.</param>
    public (Tensor Boxes, Tensor Embeddings) Forward(Tensor fine, Tensor tokens, Tensor positions, FusionGeometry geometry)
    {
        var x = Mix(fine, tokens, positions, geometry);
        var embeddings = Project(x, geometry);
        var side = _config.FineSide;
        var b = Op.Reshape(_boxMix.Forward(Op.Reshape(x, -1, side, side, _config.HeadChannels)), -1, _config.HeadChannels);
        b = Op.Gelu(_boxNorm.Forward(b), GeluKind.Tanh);
        var reach = Op.Exp(Op.Clamp(Op.AddScalar(_box.Forward(Op.Cast(b, DType.Float32)), 1f), -4f, 5f));         // strides from the centre to each edge
        return (Op.Add(geometry.Centres, Op.Mul(reach, geometry.Signs)), embeddings);
    }

    /// <summary>The vectors of <see cref="Forward"/> alone, [B·M, E], without the work of the boxes.</summary>
    public Tensor Embed(Tensor fine, Tensor tokens, Tensor positions, FusionGeometry geometry) => Project(Mix(fine, tokens, positions, geometry), geometry);

    /// <summary>What boxes and vectors are read off, [B·M, Ch].</summary>
    private Tensor Mix(Tensor fine, Tensor tokens, Tensor positions, FusionGeometry geometry)
    {
        var side = _config.FineSide;
        var channels = _config.HeadChannels;
        var up = Op.IndexRows(_coarse.Forward(Op.Add(_coarseNorm.Forward(tokens), positions)), geometry.Parents);     // [B·M, Ch]
        var x = Op.Add(up, Op.Reshape(_fine.Forward(fine), -1, channels));
        x = Op.Gelu(x, GeluKind.Tanh);
        x = Op.Reshape(_mix.Forward(Op.Reshape(x, -1, side, side, channels)), -1, channels);
        return Op.Gelu(_mixNorm.Forward(x), GeluKind.Tanh);
    }

    /// <summary>Vectors that say what is at a place and where it is, to the cell: a phrase that has found its object points with it.</summary>
    private Tensor Project(Tensor x, FusionGeometry geometry) =>
        Op.Add(_embedding.Forward(Op.Cast(x, DType.Float32)), _embeddingPosition.Forward(geometry.FinePositions));
}
