using Sightline.Geometry;
using Sightline.Imaging;

namespace Sightline.Grounding;

/// <summary>
/// A phrase with every box that it means in one picture. An empty list says that the phrase means nothing here. All boxes
/// are in one frame of that picture (its own pixels, or 0..1).
/// </summary>
public sealed record PhraseBoxes(string Phrase, IReadOnlyList<Box> Boxes)
{
    /// <summary>
    /// True when the phrase says where, which, how large or how many among the objects of the whole picture ("leftmost",
    /// "largest", "two"): cutting a part of the picture away may then change its answer, so crops are not made. By default
    /// from the words of the phrase, see <see cref="PositionWords"/>.
    /// </summary>
    public bool PositionSensitive { get; init; } = PositionWords.AreIn(Phrase);
}

/// <summary>A picture and what phrases mean in it: the sample that data sets give and augmentation and training take.</summary>
public sealed record GroundedPicture(Picture Picture, IReadOnlyList<PhraseBoxes> Phrases);
