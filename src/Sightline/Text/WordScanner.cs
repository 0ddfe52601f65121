namespace Sightline.Text;

/// <summary>The pre-tokenization patterns of published byte-level tokenizers.</summary>
internal enum WordPattern
{
    /// <summary>GPT-2's own.</summary>
    Gpt2,

    /// <summary>Qwen2, Qwen2.5, Qwen3: contractions in any case, single digits, new lines by themselves.</summary>
    Qwen2,

    /// <summary>Llama 3's: as Qwen2, with up to three digits together.</summary>
    Llama3,

    /// <summary>CLIP's: whitespace is dropped, single digits.</summary>
    Clip,

    /// <summary>CLIP's with the two special tokens spelled out in the pattern.</summary>
    ClipWithSpecialTokens,
}

/// <summary>
/// The patterns as scanners: each finds the end of the word that starts at a place, with the choices of the regular
/// expression made by hand (first alternative that matches wins, quantifiers are greedy), in one pass, without
/// backtracking. \p{L}, \p{N} and \s are the Unicode classes.
/// </summary>
internal static class WordScanner
{
    private const byte Letter = CharacterClasses.Letter, Number = CharacterClasses.Number, Space = CharacterClasses.Space;
    private const int NoSymbol = Letter | Number | Space;

    /// <summary>The expression of a pattern as tokenizer.json spells it.</summary>
    public static string Expression(WordPattern pattern) => pattern switch
    {
        WordPattern.Gpt2 => @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        WordPattern.Qwen2 => @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        WordPattern.Llama3 => @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        WordPattern.Clip => @"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
        _ => @"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    };

    /// <summary>The pattern with an expression, or null.</summary>
    public static WordPattern? Find(string expression)
    {
        foreach (var pattern in (ReadOnlySpan<WordPattern>)[WordPattern.Gpt2, WordPattern.Qwen2, WordPattern.Llama3, WordPattern.Clip, WordPattern.ClipWithSpecialTokens])
        {
            if (Expression(pattern) == expression) return pattern;
        }

        return null;
    }

    /// <summary>Finds the next word at or after <paramref name="start"/>; <paramref name="state"/> starts at 0 and is the scanner's own.</summary>
    public static bool Next(WordPattern pattern, ReadOnlySpan<char> text, ref int start, ref int end, ref int state)
    {
        if (pattern >= WordPattern.Clip) return NextClip(pattern, text, ref start, ref end, ref state);
        if (start >= text.Length) return false;
        end = pattern == WordPattern.Gpt2 ? EndGpt2(text, start) : EndQwen(text, start, pattern == WordPattern.Llama3 ? 3 : 1);
        return true;
    }

    private static int EndGpt2(ReadOnlySpan<char> text, int start)
    {
        var contraction = Contraction(text, start, anyCase: false);
        if (contraction > 0) return start + contraction;
        var first = start;
        var kind = CharacterClasses.At(text, first, out _);
        if (text[start] == ' ' && start + 1 < text.Length)
        {
            var next = CharacterClasses.At(text, start + 1, out _);
            if ((next & Space) == 0) (first, kind) = (start + 1, next);
        }

        if ((kind & Letter) != 0) return Run(text, first, Letter);
        if ((kind & Number) != 0) return Run(text, first, Number);
        return (kind & Space) == 0 ? Symbols(text, first) : Whitespace(text, start);
    }

    private static int EndQwen(ReadOnlySpan<char> text, int start, int digits)
    {
        var kind = CharacterClasses.At(text, start, out var length);
        if ((kind & Letter) != 0) return Run(text, start, Letter);
        var second = start + length;
        if ((kind & Number) != 0) return Digits(text, second, digits);
        var contraction = Contraction(text, start, anyCase: true);
        if (contraction > 0) return start + contraction;

        // one character before a word: anything but a new line
        var next = second < text.Length ? CharacterClasses.At(text, second, out _) : Space;
        if ((kind & CharacterClasses.NewLine) == 0 && (next & Letter) != 0) return Run(text, second, Letter);

        if ((kind & Space) == 0) return NewLines(text, Symbols(text, start));
        if (text[start] == ' ' && (next & NoSymbol) == 0) return NewLines(text, Symbols(text, second));
        return WhitespaceToLastNewLine(text, start);
    }

    private static bool NextClip(WordPattern pattern, ReadOnlySpan<char> text, ref int start, ref int end, ref int state)
    {
        while (start < text.Length && (CharacterClasses.At(text, start, out _) & Space) != 0) start++;
        if (start >= text.Length) return false;
        if (pattern == WordPattern.ClipWithSpecialTokens && start >= state)
        {
            // a special token spelled in the text is one match, which the byte-level step then splits in three
            var literal = Literal(text[start..], "<|startoftext|>") + Literal(text[start..], "<|endoftext|>");
            if (literal > 0) state = start + literal;
        }

        var limit = start < state ? text[..state] : text;
        var contraction = Contraction(limit, start, anyCase: false);
        var kind = CharacterClasses.At(limit, start, out var length);
        end = contraction > 0 ? start + contraction
            : (kind & Letter) != 0 ? Run(limit, start, Letter)
            : (kind & Number) != 0 ? start + length
            : Symbols(limit, start);
        return true;
    }

    private static int Literal(ReadOnlySpan<char> text, string literal) => text.StartsWith(literal, StringComparison.Ordinal) ? literal.Length : 0;

    // 's 't 're 've 'm 'll 'd; the length with the apostrophe, or 0. Without regard to case, the long s counts as s.
    private static int Contraction(ReadOnlySpan<char> text, int start, bool anyCase)
    {
        if (text[start] != '\'' || start + 1 >= text.Length) return 0;
        var a = Fold(text[start + 1], anyCase);
        if (a is 's' or 't' or 'm' or 'd') return 2;
        if (start + 2 >= text.Length) return 0;
        var b = Fold(text[start + 2], anyCase);
        return (a is 'r' or 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
    }

    private static char Fold(char c, bool anyCase) => !anyCase ? c : c == '\u017F' ? 's' : char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c;

    private static int Run(ReadOnlySpan<char> text, int start, byte kind)
    {
        while (start < text.Length && (CharacterClasses.At(text, start, out var length) & kind) != 0) start += length;
        return start;
    }

    private static int Digits(ReadOnlySpan<char> text, int end, int most)
    {
        for (var i = 1; i < most && end < text.Length && (CharacterClasses.At(text, end, out var length) & Number) != 0; i++) end += length;
        return end;
    }

    private static int Symbols(ReadOnlySpan<char> text, int start)
    {
        while (start < text.Length && (CharacterClasses.At(text, start, out var length) & NoSymbol) == 0) start += length;
        return start;
    }

    private static int NewLines(ReadOnlySpan<char> text, int start)
    {
        while (start < text.Length && text[start] is '\r' or '\n') start++;
        return start;
    }

    // \s+(?!\S)|\s+ : a run of whitespace leaves its last character to the word that follows, unless it is the only one.
    private static int Whitespace(ReadOnlySpan<char> text, int start)
    {
        var end = Run(text, start, Space);
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }

    // \s*[\r\n]+ before that: up to the last new line of the run.
    private static int WhitespaceToLastNewLine(ReadOnlySpan<char> text, int start)
    {
        var end = Run(text, start, Space);
        var newLine = text[start..end].LastIndexOfAny('\r', '\n');
        if (newLine >= 0) return start + newLine + 1;
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }
}
