using System.Buffers;
using System.Globalization;
using System.Text;

namespace Sightline.Text;

/// <summary>What the pre-tokenizers ask about a character, from one byte a UTF-16 unit (64 KiB, built on first use).</summary>
internal static class CharacterClasses
{
    public const byte Letter = 1, Number = 2, Space = 4, NewLine = 8, Punctuation = 16, Surrogate = 32, NonSpacingMark = 64, Other = 128;

    private static readonly byte[] Table = Build();

    /// <summary>The class of the code point that starts at <paramref name="index"/>, and its length in UTF-16 units.</summary>
    public static byte At(ReadOnlySpan<char> text, int index, out int length)
    {
        length = 1;
        var kind = Table[text[index]];
        if ((kind & Surrogate) == 0) return kind;
        if (Rune.DecodeFromUtf16(text[index..], out var rune, out _) != OperationStatus.Done) return 0;
        length = 2;
        return Of(rune.Value);
    }

    /// <summary>The class of a code point.</summary>
    public static byte Of(int value) => value <= 0xFFFF ? Table[value] : Classify(value);

    private static byte[] Build()
    {
        var table = new byte[65536];
        for (var value = 0; value < table.Length; value++) table[value] = Classify(value);
        return table;
    }

    private static byte Classify(int value)
    {
        if (value is >= 0xD800 and < 0xE000) return Surrogate;
        var kind = CharUnicodeInfo.GetUnicodeCategory(value) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
            UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
                or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation
                or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation => Punctuation,
            UnicodeCategory.NonSpacingMark => NonSpacingMark,
            UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse => Other,
            _ => (byte)0,
        };
        if (value <= 0xFFFF && char.IsWhiteSpace((char)value)) kind |= Space;
        if (value is '\r' or '\n') kind |= NewLine;
        // BERT counts all ASCII symbols as punctuation, "$" and "+" too
        if (value < 128 && (char.IsAsciiLetterOrDigit((char)value) || value <= ' ' || value == 127) == false) kind |= Punctuation;
        return kind;
    }
}
