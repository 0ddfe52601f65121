using Sightline.Geometry;
using Sightline.Grounding;

namespace Sightline.Training.Expressions;

/// <summary>What an expression tells objects apart by.</summary>
public enum ExpressionKind
{
    /// <summary>The class alone: "the platelets".</summary>
    Class,

    /// <summary>Colour, texture or absolute size: "the striped red circle".</summary>
    Attribute,

    /// <summary>A part of the picture: "the circle on the left".</summary>
    Position,

    /// <summary>First in an order: "the leftmost circle", "the largest card".</summary>
    Superlative,

    /// <summary>A later rank in an order: "the second circle from the left".</summary>
    Ordinal,

    /// <summary>The number of them: "the three platelets".</summary>
    Count,

    /// <summary>Another object: "the circle left of the star", "nearest to", "between".</summary>
    Relation,

    /// <summary>Nothing in this picture is meant.</summary>
    Absent,
}

/// <summary>A referring expression made from boxes: its words, what they mean, and the objects that are meant.</summary>
/// <param name="Phrase">The words.</param>
/// <param name="Meaning">What they say, as a tree.</param>
/// <param name="Kind">What tells the targets apart.</param>
/// <param name="Targets">Indexes into the objects of the picture; empty for <see cref="ExpressionKind.Absent"/>.</param>
public sealed record Expression(string Phrase, Meaning Meaning, ExpressionKind Kind, IReadOnlyList<int> Targets)
{
    /// <summary>True when cutting the picture could change the answer: everything but classes and attributes.</summary>
    public bool PositionSensitive => Meaning is not EveryMeaning;

    /// <summary>The phrase with the boxes of its targets.</summary>
    public PhraseBoxes ToPhraseBoxes(IReadOnlyList<DescribedObject> objects) =>
        new(Phrase, (IReadOnlyList<Box>)[.. Targets.Select(i => objects[i].Box)]) { PositionSensitive = PositionSensitive };
}
