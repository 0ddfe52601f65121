using Sightline.Geometry;

namespace Sightline.Training.Expressions;

/// <summary>
/// One object of a picture, with what is known of it. An attribute that is null is not known (a selector that asks for it
/// then has no safe answer); in a generated scene all are known.
/// </summary>
/// <param name="Box">Where it is; all objects of a picture share one frame.</param>
/// <param name="Label">Its class, as the data set writes it.</param>
public sealed record DescribedObject(Box Box, string Label)
{
    /// <summary>A colour name such as "red", or null when not reliably known.</summary>
    public string? Color { get; init; }

    /// <summary>A surface such as "striped", or null.</summary>
    public string? Texture { get; init; }

    /// <summary>"small" or "large" in absolute terms (not: larger than its neighbours), or null.</summary>
    public string? Size { get; init; }

    /// <summary>True for a box that may stand for several objects or that annotators doubted (crowd, difficult): no phrase may depend on it.</summary>
    public bool IsUncertain { get; init; }
}
