using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>A thing in a picture, as COCO and LVIS record it. Boxes are in pixels: upper left corner and size.</summary>
public readonly record struct CocoAnnotation(long Id, long ImageId, int CategoryId, double X, double Y, double Width, double Height)
{
    /// <summary>The area that decides small, medium or large: of the mask in real COCO files, not of the box.</summary>
    public double Area { get; init; } = Width * Height;

    /// <summary>Marks a crowd: it absorbs any number of detections and is never missed.</summary>
    public bool IsCrowd { get; init; }

    /// <summary>LVIS: left out of the score.</summary>
    public bool IsIgnored { get; init; }

    /// <summary>The pixels; null when the file has none or they were not asked for.</summary>
    public RunLengthMask? Mask { get; init; }
}
