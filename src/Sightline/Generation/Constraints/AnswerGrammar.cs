using System.Text;

namespace Sightline.Generation.Constraints;

/// <summary>
/// What an answer may look like, built from parts and followed in bytes. A grammar describes a set of texts; an <see cref="AnswerConstraint"/> holds a
/// model to it. <see cref="AnswerGrammars"/> has those of the grounding tasks.
/// </summary>
public abstract record AnswerGrammar
{
    private protected AnswerGrammar()
    {
    }

    /// <summary>Nothing.</summary>
    public static AnswerGrammar Empty { get; } = new SequenceGrammar([]);

    /// <summary>Spaces and line ends, at most two.</summary>
    public static AnswerGrammar OptionalSpace { get; } = Repeat(new BytesGrammar(ByteSet.Of(" \n")), 0, 2);

    /// <summary>Exactly this text.</summary>
    public static AnswerGrammar Literal(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new SequenceGrammar([.. Encoding.UTF8.GetBytes(text).Select(value => new BytesGrammar(ByteSet.Of(value)))]);
    }

    /// <summary>The special token of this id, such as <c>&lt;|box_start|&gt;</c>, which no text spells.</summary>
    public static AnswerGrammar Special(int token) => new SpecialGrammar(token);

    /// <summary>One after the other.</summary>
    public static AnswerGrammar Join(params IReadOnlyList<AnswerGrammar> parts) => new SequenceGrammar(parts);

    /// <summary>One of these.</summary>
    public static AnswerGrammar OneOf(params IReadOnlyList<AnswerGrammar> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        if (choices.Count == 0) throw new ArgumentException("a choice needs at least one alternative", nameof(choices));
        return new ChoiceGrammar(choices);
    }

    /// <summary>One of these texts.</summary>
    public static AnswerGrammar OneOf(IEnumerable<string> texts) => OneOf((IReadOnlyList<AnswerGrammar>)[.. texts.Select(Literal)]);

    /// <summary>Between <paramref name="least"/> and <paramref name="most"/> times, with a separator between them.</summary>
    public static AnswerGrammar Repeat(AnswerGrammar part, int least, int most, string separator = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(least);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, least);
        AnswerGrammar tail = Empty; // what may follow the items so far
        var next = separator.Length == 0 ? part : Join(Literal(separator), part);
        for (var i = most - 1; i >= 0; i--)
        {
            var item = Join(i == 0 ? part : next, tail);
            tail = i >= least ? OneOf(item, Empty) : item;
        }

        return tail;
    }

    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>, without leading zeros.</summary>
    public static AnswerGrammar Number(int least, int most)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(least);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, least);
        return new NumberGrammar(least, most);
    }

    /// <summary>A number from 0 to 1 with one to <paramref name="digits"/> decimals: <c>0.0</c> .. <c>1.0</c>.</summary>
    public static AnswerGrammar Share(int digits = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(digits, 1);
        var digit = new BytesGrammar(ByteSet.Range((byte)'0', (byte)'9'));
        var zero = new BytesGrammar(ByteSet.Of((byte)'0'));
        return OneOf(Join(Literal("0."), Repeat(digit, 1, digits)), Join(Literal("1."), Repeat(zero, 1, digits)));
    }

    /// <summary>
    /// The four numbers of a box, left edge, upper edge, right edge, lower edge, with texts around and between them. Every box has an area: the right
    /// edge is beyond the left one, the lower beyond the upper.
    /// </summary>
    /// <param name="width">Largest x.</param>
    /// <param name="height">Largest y.</param>
    /// <param name="texts">Five: before the numbers, between them, after them.</param>
    public static AnswerGrammar Box(int width, int height, params IReadOnlyList<string> texts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (texts.Count != 5) throw new ArgumentException($"a box has five texts around and between its numbers, got {texts.Count}", nameof(texts));
        return Join(
            Literal(texts[0]), new NumberGrammar(0, width - 1) { Store = 0 },
            Literal(texts[1]), new NumberGrammar(0, height - 1) { Store = 1 },
            Literal(texts[2]), new NumberGrammar(1, width) { Above = 0 },
            Literal(texts[3]), new NumberGrammar(1, height) { Above = 1 },
            Literal(texts[4]));
    }

    /// <summary>A JSON string of valid UTF-8 with at most <paramref name="most"/> characters, quotes included in the grammar, and without '&lt;', so that it spells no tag.</summary>
    public static AnswerGrammar JsonString(int most = 64)
    {
        var escape = Join(Literal("\\"), new BytesGrammar(ByteSet.Of("\"\\/bfnrt")));
        return Join(Literal("\""), Repeat(OneOf(Utf8Character(ByteSet.Range(0x20, 0x7F).Without("\"\\<")), escape), 0, most), Literal("\""));
    }

    /// <summary>Free text of valid UTF-8 up to and including <paramref name="end"/>.</summary>
    /// <param name="end">What ends it; ASCII.</param>
    /// <param name="reserve">Tokens that are kept for what follows: where the token limit comes nearer than this, the text is closed. Without it, what follows may be left with its shortest form.</param>
    /// <param name="without">Texts that do not occur in it; ASCII.</param>
    public static AnswerGrammar TextUntil(string end, int reserve = 0, params IReadOnlyList<string> without)
    {
        ArgumentException.ThrowIfNullOrEmpty(end);
        ArgumentOutOfRangeException.ThrowIfNegative(reserve);
        return new TextGrammar(new FreeText(end, without), reserve);
    }

    private static AnswerGrammar Utf8Character(ByteSet ascii)
    {
        var tail = new BytesGrammar(ByteSet.Range(0x80, 0xBF));
        return OneOf(
            new BytesGrammar(ascii),
            Join(Of(0xC2, 0xDF), tail),
            Join(Of(0xE0, 0xE0), Of(0xA0, 0xBF), tail),
            Join(Of(0xE1, 0xEC), tail, tail),
            Join(Of(0xED, 0xED), Of(0x80, 0x9F), tail),
            Join(Of(0xEE, 0xEF), tail, tail),
            Join(Of(0xF0, 0xF0), Of(0x90, 0xBF), tail, tail),
            Join(Of(0xF1, 0xF3), tail, tail, tail),
            Join(Of(0xF4, 0xF4), Of(0x80, 0x8F), tail, tail));

        static AnswerGrammar Of(byte first, byte last) => new BytesGrammar(ByteSet.Range(first, last));
    }
}

internal sealed record BytesGrammar(ByteSet Set) : AnswerGrammar;

internal sealed record SpecialGrammar(int Token) : AnswerGrammar;

internal sealed record SequenceGrammar(IReadOnlyList<AnswerGrammar> Parts) : AnswerGrammar;

internal sealed record ChoiceGrammar(IReadOnlyList<AnswerGrammar> Choices) : AnswerGrammar;

internal sealed record TextGrammar(FreeText Text, int Reserve) : AnswerGrammar;

/// <summary>A whole number. It may be remembered, and may have to be above one that was.</summary>
internal sealed record NumberGrammar(int Least, int Most) : AnswerGrammar
{
    /// <summary>Which of the two memories it goes to, or -1.</summary>
    public int Store { get; init; } = -1;

    /// <summary>The memory whose number it must exceed, or -1; that memory is then cleared.</summary>
    public int Above { get; init; } = -1;
}
