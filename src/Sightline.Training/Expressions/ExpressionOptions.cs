namespace Sightline.Training.Expressions;

/// <summary>How often each kind is tried, relative to the others; 0 switches a kind off.</summary>
public sealed record ExpressionMix
{
    public double Class { get; init; } = 1;

    public double Attribute { get; init; } = 1;

    public double Position { get; init; } = 1;

    public double Superlative { get; init; } = 1;

    public double Ordinal { get; init; } = 0.5;

    public double Count { get; init; } = 0.5;

    public double Relation { get; init; } = 1.5;

    public double Absent { get; init; } = 1;

    /// <summary>The weight of a kind.</summary>
    public double this[ExpressionKind kind] => kind switch
    {
        ExpressionKind.Class => Class,
        ExpressionKind.Attribute => Attribute,
        ExpressionKind.Position => Position,
        ExpressionKind.Superlative => Superlative,
        ExpressionKind.Ordinal => Ordinal,
        ExpressionKind.Count => Count,
        ExpressionKind.Relation => Relation,
        _ => Absent,
    };
}

/// <summary>What expressions are made, and from which words.</summary>
public sealed record ExpressionOptions
{
    /// <summary>How often each kind is tried.</summary>
    public ExpressionMix Mix { get; init; } = new();

    /// <summary>How clear an answer must be.</summary>
    public ExpressionMargins Margins { get; init; } = new();

    /// <summary>
    /// Words for "any object" ("shape", "object"); empty to always name a class. Leave it empty where not every object of
    /// the pictures is labelled.
    /// </summary>
    public IReadOnlyList<string> AnyObject { get; init; } = [];

    /// <summary>Labels that may be asked for where they are absent.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Colours that may be asked for where they are absent; empty when colours are not known well enough.</summary>
    public IReadOnlyList<string> Colors { get; init; } = [];

    /// <summary>Textures that may be asked for where they are absent.</summary>
    public IReadOnlyList<string> Textures { get; init; } = [];

    /// <summary>Pairs of colour and label that no phrase may name (kept for a zero-shot test).</summary>
    public IReadOnlySet<(string Color, string Label)> HeldOut { get; init; } = new HashSet<(string, string)>();

    /// <summary>The most targets that a phrase may have.</summary>
    public int MaximumTargets { get; init; } = 64;

    /// <summary>How many candidates are drawn for a phrase before its kind is given up for this picture.</summary>
    public int Attempts { get; init; } = 10;
}
