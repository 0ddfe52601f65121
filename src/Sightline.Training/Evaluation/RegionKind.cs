namespace Sightline.Training.Evaluation;

/// <summary>What is compared: COCO's iouType.</summary>
public enum RegionKind
{
    /// <summary>Boxes: "bbox".</summary>
    Box,

    /// <summary>Masks: "segm".</summary>
    Mask,
}
