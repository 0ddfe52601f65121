namespace Sightline.Text.Answers;

/// <summary>What a <see cref="Literal"/> is.</summary>
internal enum LiteralKind
{
    List,
    Map,
    Number,
    Text,

    /// <summary>true, None, NaN and the like.</summary>
    Word,
}

/// <summary>A value written in JSON or as a Python literal, with its place in the text.</summary>
internal sealed class Literal(LiteralKind kind, int start)
{
    public LiteralKind Kind => kind;

    public int Start => start;

    /// <summary>After the last character that belongs to it.</summary>
    public int End { get; set; }

    /// <summary>Whether it ends where it should, not with the text.</summary>
    public bool IsWhole { get; set; }

    public double Number { get; init; }

    public string Text { get; set; } = "";

    /// <summary>The values of a list; those of a map, with names at the same places in <see cref="Names"/>.</summary>
    public List<Literal> Items { get; } = [];

    public List<string> Names { get; } = [];
}
