using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Text.Answers;
using Sightline.Training.Data;

namespace Sightline.Training.Reinforcement;

/// <summary>A problem as the model reads it.</summary>
/// <param name="Problem">What was prepared.</param>
/// <param name="Source">The source that it is from.</param>
/// <param name="Ids">Tokens of the prompt.</param>
/// <param name="Layout">Their places.</param>
/// <param name="Pictures">The pictures' patches.</param>
/// <param name="Frame">The coordinates that answer and solution speak; unspecified without a picture.</param>
/// <param name="Size">The first picture in pixels.</param>
/// <param name="Earlier">Ranges of <paramref name="Ids"/> that are answers of earlier turns.</param>
internal sealed record PreparedProblem(
    Problem Problem, string Source, int[] Ids, PromptLayout Layout, IReadOnlyList<PicturePatches> Pictures, CoordinateFrame Frame, (int Width, int Height) Size, IReadOnlyList<Range> Earlier)
{
    /// <summary>For logs and messages.</summary>
    public string Name => $"{Source}/{Problem.Id}";

    /// <summary>Where it is from, for messages that ask for a change.</summary>
    public string Place => PlaceOf(Source, Problem);

    /// <summary>As <see cref="Place"/>.</summary>
    public static string PlaceOf(string source, Problem problem) => $"source '{source}', problem '{problem.Id}'{(problem.Source is { } place ? $" ({place})" : "")}";

    /// <summary>
    /// The true boxes in <see cref="Frame"/>, where the problem states them beside a solution and does not say that the solution speaks this frame (VLM-R1's
    /// regions speak pixels of the original picture); else null.
    /// </summary>
    public IReadOnlyList<AnsweredBox>? Boxes => Problem is { Solution: not null, Frame: null, Boxes: { } boxes } && !Frame.IsUnspecified && boxes.All(found => !found.Box.Frame.IsUnspecified)
        ? [.. boxes.Select(found => new AnsweredBox(found.Box.To(Frame), found.Label.Length > 0 ? found.Label : null))]
        : null;
}
