using Sightline.Geometry;

namespace Sightline.Imaging.Drawing;

/// <summary>One box to draw: in any frame of the picture, with what stands on its label plate.</summary>
/// <param name="Box">The box.</param>
/// <param name="Label">The text; empty for a box without a plate (a score alone still makes one).</param>
/// <param name="Score">0..1, written with two digits.</param>
public sealed record Annotation(Box Box, string Label = "", double? Score = null)
{
    /// <summary>The colour; without one, boxes with the same label share a colour of the palette.</summary>
    public PixelColor? Color { get; init; }

    /// <summary>A dashed edge: for the truth beside predictions.</summary>
    public bool Dashed { get; init; }
}

/// <summary>How boxes are drawn. Sizes are in pixels; 0 takes a size that suits the picture.</summary>
public sealed record DrawingStyle
{
    /// <summary>Thickness of the coloured edge.</summary>
    public int Thickness { get; init; }

    /// <summary>Height of capitals on the label plates.</summary>
    public double TextHeight { get; init; }

    /// <summary>Whether labels are drawn.</summary>
    public bool Labels { get; init; } = true;

    /// <summary>Whether scores are drawn.</summary>
    public bool Scores { get; init; } = true;
}
