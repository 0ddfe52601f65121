using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>One labelled object of a picture.</summary>
/// <param name="Label">Its class, as the file writes it.</param>
/// <param name="Box">Where it is, in the frame that the file speaks (pixels of the picture, or 0..1 for YOLO).</param>
public sealed record LabelledBox(string Label, Box Box)
{
    /// <summary>The file's own number for it, or null.</summary>
    public long? Id { get; init; }

    /// <summary>COCO's iscrowd: one box for a group.</summary>
    public bool Crowd { get; init; }

    /// <summary>Pascal VOC's difficult: not counted in evaluation.</summary>
    public bool Difficult { get; init; }

    /// <summary>Pascal VOC's truncated: a part lies outside the picture.</summary>
    public bool Truncated { get; init; }

    /// <summary>The area that the file states (of the mask, in COCO), in square pixels; null where it states none.</summary>
    public double? Area { get; init; }

    /// <summary>How sure a model is, 0..1, of a box that it has found; null for what people have drawn. Only COCO has a place for it.</summary>
    public double? Score { get; init; }

    /// <summary>The mask as raw JSON (polygons or RLE), passed through untouched; null where there is none.</summary>
    public string? Segmentation { get; init; }

    /// <summary>What else the file says of it: further members as one JSON object, or XML elements; only the same format can write it back.</summary>
    public string? Extra { get; init; }
}
