namespace Sightline.Tensors.Ops;

/// <summary>Losses of one number against one target.</summary>
public enum PointLossKind : byte
{
    /// <summary>Binary cross entropy of logits.</summary>
    Bce,

    /// <summary>Sigmoid focal loss; parameters alpha (negative: none) and gamma.</summary>
    Focal,

    /// <summary>Quality focal loss; parameter b: beta.</summary>
    QualityFocal,

    /// <summary>Varifocal loss; parameters alpha and gamma.</summary>
    Varifocal,

    /// <summary>|x - t|.</summary>
    L1,

    /// <summary>Huber's loss divided by beta; parameter a: beta.</summary>
    SmoothL1,

    /// <summary>(x - t)².</summary>
    SquaredError,
}
