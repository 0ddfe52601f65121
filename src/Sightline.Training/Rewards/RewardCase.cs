using Sightline.Geometry;
using Sightline.Text.Answers;

namespace Sightline.Training.Rewards;

/// <summary>What a reward judges: one answer to one problem.</summary>
/// <param name="Completion">What the model wrote.</param>
/// <param name="Solution">The problem's solution, in the form that the reward expects.</param>
public sealed record RewardCase(string Completion, string Solution)
{
    /// <summary>The picture in pixels, width and height; for rewards that convert coordinates.</summary>
    public (int Width, int Height) Picture { get; init; }

    /// <summary>The picture's patches: time, height, width.</summary>
    public (int Time, int Height, int Width) Grid { get; init; } = (1, 0, 0);

    /// <summary>Tokens of the completion; for rewards on length.</summary>
    public int CompletionTokens { get; init; }

    /// <summary>Whether a length limit ended the completion.</summary>
    public bool IsCut { get; init; }

    /// <summary>The coordinates that completion and solution speak; for <c>sightline/*</c>.</summary>
    public CoordinateFrame Frame { get; init; } = CoordinateFrame.Thousandths;

    /// <summary>
    /// The true boxes in <see cref="Frame"/>, where the solution speaks other coordinates (VLM-R1's: pixels of the original picture); null: they are read from the
    /// solution. For <c>sightline/*</c>.
    /// </summary>
    public IReadOnlyList<AnsweredBox>? Boxes { get; init; }

    /// <summary>Names that count as the solution's, for <c>sightline/label</c>.</summary>
    public IReadOnlyList<string> Synonyms { get; init; } = [];
}
