using Sightline.Geometry;

namespace Sightline.Text.Answers;

/// <summary>A box that a model spoke.</summary>
/// <param name="Box">The box, in the frame that the model speaks until it is converted.</param>
/// <param name="Label">What it says is there, or null.</param>
/// <param name="Confidence">How sure it says it is, as spoken (not held to 0..1), or null.</param>
/// <param name="Start">Where its coordinates begin in the answer, in characters: to find their tokens and probabilities.</param>
/// <param name="Length">Characters of its coordinates.</param>
public sealed record AnsweredBox(Box Box, string? Label = null, double? Confidence = null, int Start = 0, int Length = 0);

/// <summary>A point that a model spoke.</summary>
/// <param name="X">To the right.</param>
/// <param name="Y">Down.</param>
/// <param name="Frame">The frame of the numbers.</param>
/// <param name="Label">What it says is there, or null.</param>
/// <param name="Start">Where its coordinates begin in the answer, in characters.</param>
/// <param name="Length">Characters of its coordinates.</param>
public sealed record AnsweredPoint(double X, double Y, CoordinateFrame Frame, string? Label = null, int Start = 0, int Length = 0)
{
    /// <summary>The same place of the picture in another frame.</summary>
    /// <exception cref="FrameMismatchException">One of the frames is unspecified.</exception>
    public AnsweredPoint To(CoordinateFrame frame)
    {
        var there = new Box(X, Y, X, Y, Frame).To(frame);
        return this with { X = there.X1, Y = there.Y1, Frame = frame };
    }
}
