namespace Sightline.Training.Losses;

/// <summary>How a set loss classifies.</summary>
public enum SetClassification
{
    /// <summary>Softmax over the classes and a last "nothing here" class (DETR, Carion et al. 2020).</summary>
    Softmax,

    /// <summary>Sigmoid focal loss for each class (Deformable DETR, Zhu et al. 2021).</summary>
    Focal,

    /// <summary>Sigmoid focal loss for each text token; a label is the tokens of its phrase (Grounding DINO, Liu et al. 2023).</summary>
    TokenFocal,
}

/// <summary>Weights of matching and loss.</summary>
public sealed record SetLossOptions
{
    /// <summary>How queries are classified.</summary>
    public required SetClassification Classification { get; init; }

    /// <summary>Weight of the classification in the matching cost.</summary>
    public float ClassCost { get; init; } = 1;

    /// <summary>Weight of the L1 distance in the matching cost.</summary>
    public float BoxCost { get; init; } = 5;

    /// <summary>Weight of GIoU in the matching cost.</summary>
    public float GiouCost { get; init; } = 2;

    /// <summary>Weight of the classification loss; Grounding DINO takes 2.</summary>
    public float ClassWeight { get; init; } = 1;

    /// <summary>Weight of the L1 loss.</summary>
    public float BoxWeight { get; init; } = 5;

    /// <summary>Weight of the GIoU loss.</summary>
    public float GiouWeight { get; init; } = 2;

    /// <summary>Weight of the "nothing here" class; softmax only.</summary>
    public float NothingWeight { get; init; } = 0.1f;

    /// <summary>α of the focal loss; γ is 2.</summary>
    public float FocalAlpha { get; init; } = 0.25f;
}

/// <summary>What one image holds.</summary>
/// <param name="Labels">[n] class ids; for tokens: rows of <paramref name="LabelMap"/>.</param>
/// <param name="Boxes">[n x 4] centre and size in 0..1.</param>
/// <param name="LabelMap">For tokens: [labels][tokens], true where the token belongs to the label.</param>
public sealed record SetTarget(long[] Labels, float[] Boxes, bool[][]? LabelMap = null);

/// <summary>The parts of a set loss, unweighted scalars, and their weighted sum.</summary>
/// <param name="Total">ClassWeight · Class + BoxWeight · Box + GiouWeight · Giou.</param>
/// <param name="Class">Classification.</param>
/// <param name="Box">Σ |difference| / boxes.</param>
/// <param name="Giou">Σ (1 - GIoU) / boxes.</param>
/// <param name="Matches">For each image the matched queries (ascending) and their targets.</param>
public sealed record SetLossResult(Sightline.Tensors.Tensor Total, Sightline.Tensors.Tensor Class, Sightline.Tensors.Tensor Box, Sightline.Tensors.Tensor Giou, IReadOnlyList<(int[] Queries, int[] Targets)> Matches);
