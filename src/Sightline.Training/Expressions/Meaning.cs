namespace Sightline.Training.Expressions;

/// <summary>Objects by their own looks: every part that is given must hold. All null means any object.</summary>
public sealed record Selector(string? Label = null, string? Color = null, string? Texture = null, string? Size = null)
{
    /// <summary>True when something other than the class is asked for.</summary>
    public bool HasAttribute => Color is not null || Texture is not null || Size is not null;
}

/// <summary>
/// What a referring expression says, apart from its wording: a function from the objects of a picture to the set that is
/// meant. <see cref="MeaningSolver"/> evaluates it.
/// </summary>
/// <param name="Of">The objects that are spoken of, before position, order or relation narrows them.</param>
public abstract record Meaning(Selector Of);

/// <summary>All objects of a kind: "the red circles".</summary>
public sealed record EveryMeaning(Selector Of) : Meaning(Of);

/// <summary>All objects of a kind, of which there are exactly <paramref name="Count"/>: "the three platelets".</summary>
public sealed record CountMeaning(Selector Of, int Count) : Meaning(Of);

/// <summary>The objects of a kind in a part of the picture: "the circle on the left".</summary>
public sealed record RegionMeaning(Selector Of, Region Region) : Meaning(Of);

/// <summary>The one at a rank (from 1) in an order: "the second circle from the left", "the largest card".</summary>
public sealed record RankMeaning(Selector Of, Order Order, int Rank) : Meaning(Of);

/// <summary>The objects that stand in a relation to the one object that the anchor means: "the platelet left of the white blood cell".</summary>
public sealed record RelationMeaning(Selector Of, Relation Relation, Meaning Anchor) : Meaning(Of);

/// <summary>The one with the smallest (or largest) distance to the anchor: "the circle nearest to the star".</summary>
public sealed record DistanceMeaning(Selector Of, bool Farthest, Meaning Anchor) : Meaning(Of);

/// <summary>The objects between two anchors: "the ring between the star and the cross".</summary>
public sealed record BetweenMeaning(Selector Of, Meaning First, Meaning Second) : Meaning(Of);

/// <summary>A part of the picture. Halves meet at the middle line; <see cref="Middle"/> is the middle ninth.</summary>
public enum Region
{
    Left,
    Right,
    Top,
    Bottom,
    Middle,
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// <summary>A way to put objects in a row; rank 1 is the first that the name says.</summary>
public enum Order
{
    FromLeft,
    FromRight,
    FromTop,
    FromBottom,
    Largest,
    Smallest,
}

/// <summary>How one object stands to another.</summary>
public enum Relation
{
    LeftOf,
    RightOf,
    Above,
    Below,
    LargerThan,
    SmallerThan,
}
