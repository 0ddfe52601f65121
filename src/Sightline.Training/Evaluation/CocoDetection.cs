using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>A scored answer of a detector, as a COCO results file records it. Boxes are in pixels: upper left corner and size.</summary>
public readonly record struct CocoDetection(long ImageId, int CategoryId, double X, double Y, double Width, double Height, double Score)
{
    /// <summary>The area that decides small, medium or large: of the box, or of the mask in files that have masks only.</summary>
    public double Area { get; init; } = Width * Height;

    /// <summary>The name of the class where the file states it, so that files that number classes differently are noticed.</summary>
    public string? Category { get; init; }

    /// <summary>The pixels, for mask AP.</summary>
    public RunLengthMask? Mask { get; init; }

    /// <summary>From a box in any frame.</summary>
    /// <param name="imageId">The ground truth's number of the picture.</param>
    /// <param name="categoryId">The ground truth's number of the class.</param>
    /// <param name="box">In any frame of the picture.</param>
    /// <param name="score">Higher is surer.</param>
    /// <param name="pictureWidth">Pixels of the picture that the ground truth speaks of.</param>
    /// <param name="pictureHeight">Pixels of the picture that the ground truth speaks of.</param>
    /// <exception cref="FrameMismatchException">The box has no frame.</exception>
    public static CocoDetection FromBox(long imageId, int categoryId, in Box box, double score, int pictureWidth, int pictureHeight)
    {
        var pixels = box.To(CoordinateFrame.Pixels(pictureWidth, pictureHeight));
        return new CocoDetection(imageId, categoryId, pixels.X1, pixels.Y1, pixels.Width, pixels.Height, score);
    }
}
