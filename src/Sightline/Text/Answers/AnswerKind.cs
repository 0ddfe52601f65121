namespace Sightline.Text.Answers;

/// <summary>What was asked for, which settles how pairs of numbers are read.</summary>
public enum AnswerKind
{
    /// <summary>Boxes: two pairs are the corners of one.</summary>
    Boxes,

    /// <summary>Points: every pair is one.</summary>
    Points,

    /// <summary>A name.</summary>
    Label,
}
