namespace Sightline.Training.Evaluation;

/// <summary>A picture of a COCO or LVIS ground truth.</summary>
/// <param name="Id">The file's own number.</param>
/// <param name="Width">Pixels; 0 where the file does not say.</param>
/// <param name="Height">Pixels; 0 where the file does not say.</param>
/// <param name="FileName">Empty where the file does not say.</param>
public sealed record CocoImage(long Id, int Width, int Height, string FileName = "")
{
    /// <summary>LVIS: categories that were looked for and are not in the picture.</summary>
    public IReadOnlyList<int> NegativeCategoryIds { get; init; } = [];

    /// <summary>LVIS: categories of which not every instance is annotated.</summary>
    public IReadOnlyList<int> NotExhaustiveCategoryIds { get; init; } = [];
}
