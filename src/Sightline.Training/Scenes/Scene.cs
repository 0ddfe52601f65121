using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Training.Expressions;

namespace Sightline.Training.Scenes;

/// <summary>A generated picture with all that is known of it. Boxes are amodal (the whole shape, also where another covers a little of it).</summary>
/// <param name="Picture">The pixels.</param>
/// <param name="Objects">What was drawn, in drawing order (later ones lie on top); boxes in pixels of the picture.</param>
/// <param name="Expressions">Phrases about it with their meanings.</param>
public sealed record Scene(Picture Picture, IReadOnlyList<DescribedObject> Objects, IReadOnlyList<Expression> Expressions)
{
    /// <summary>The picture with its phrases and their boxes, as training takes it.</summary>
    public GroundedPicture ToGroundedPicture() => new(Picture, [.. Expressions.Select(e => e.ToPhraseBoxes(Objects))]);
}
