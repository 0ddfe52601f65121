using Sightline.Generation;
using Sightline.Geometry;
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
}
