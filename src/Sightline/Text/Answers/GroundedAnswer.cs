using Sightline.Geometry;

namespace Sightline.Text.Answers;

/// <summary>A model's answer, read. Boxes and points are in the order of speaking.</summary>
public sealed record GroundedAnswer
{
    /// <summary>What it turned out to be.</summary>
    public required AnswerStatus Status { get; init; }

    /// <summary>What is wrong, in one sentence with the numbers; null for complete answers.</summary>
    public string? Problem { get; init; }

    /// <summary>The text between <c>&lt;think></c> and <c>&lt;/think></c>, or null.</summary>
    public string? Thinking { get; init; }

    /// <summary>The answer itself: the text between <c>&lt;answer></c> and <c>&lt;/answer></c>, or all that follows the thinking.</summary>
    public required string Text { get; init; }

    /// <summary>Boxes with an area and finite coordinates.</summary>
    public IReadOnlyList<AnsweredBox> Boxes { get; init; } = [];

    /// <summary>Points with finite coordinates.</summary>
    public IReadOnlyList<AnsweredPoint> Points { get; init; } = [];

    /// <summary>The name that was given, when one was asked for.</summary>
    public string? Label { get; init; }

    /// <summary>Whether thinking and answer stand in their tags, once each, closed, with nothing but white space around them.</summary>
    public bool IsInTags { get; init; }

    /// <summary>Whether boxes and points can be used: the frame fits.</summary>
    public bool IsUsable => Status != AnswerStatus.WrongFrame;

    /// <summary>The answer with boxes and points in another frame, as that of the picture's pixels.</summary>
    /// <exception cref="FrameMismatchException">The answer's own numbers do not fit the frame they were read in (<see cref="Status"/> is WrongFrame).</exception>
    public GroundedAnswer To(CoordinateFrame frame)
    {
        if (!IsUsable) throw new FrameMismatchException(Problem!);
        return this with
        {
            Boxes = [.. Boxes.Select(found => found with { Box = found.Box.To(frame) })],
            Points = [.. Points.Select(point => point.To(frame))],
        };
    }
}
