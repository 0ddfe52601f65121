using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>A phrase with the boxes that it means in its picture; no boxes says that it means nothing there.</summary>
/// <param name="Text">The words.</param>
/// <param name="Boxes">The boxes, in one frame.</param>
public sealed record DataPhrase(string Text, IReadOnlyList<Box> Boxes)
{
    /// <summary>The file's own name for the phrase or for what it means (an annotation or entity id).</summary>
    public string? Id { get; init; }

    /// <summary>Index into <see cref="DataSample.Captions"/> of the sentence that the phrase is a part of.</summary>
    public int? Caption { get; init; }

    /// <summary>Where the phrase starts in its sentence, in characters.</summary>
    public int? Start { get; init; }

    /// <summary>Kinds such as "people" or "spatial".</summary>
    public IReadOnlyList<string> Types { get; init; } = [];

    /// <summary>False where the file says nothing of boxes for this phrase (a part of a sentence that is not in the picture as a thing): neither present nor absent.</summary>
    public bool IsGrounded { get; init; } = true;

    /// <summary>The mask of all that is meant, as raw JSON of a COCO mask (run lengths or polygons) in pixels of the picture; null where there is none.</summary>
    public string? Segmentation { get; init; }

    /// <summary>Pixels that count neither for nor against an answer, in the same form (LISA: "ignore"); null where there are none.</summary>
    public string? IgnoredSegmentation { get; init; }

    /// <summary>What else the file says of it, as one JSON object; only the same format can write it back.</summary>
    public string? Extra { get; init; }
}
