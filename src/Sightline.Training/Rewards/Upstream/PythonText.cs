using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Sightline.Training.Rewards.Upstream;

/// <summary>Python's text methods where .NET's differ: what counts as space, lower case with its special letters, digits of all scripts.</summary>
internal static class PythonText
{
    /// <summary>For patterns: Python's <c>\s</c>, which also has the four separators of ASCII.</summary>
    public const string Space = @"[\s\x1c-\x1f]";

    /// <summary>A pattern whose dot stops at line ends. Without backtracking: no answer of a model can make it take long.</summary>
    public static Regex Pattern(string pattern) => new(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    /// <summary>A pattern whose dot goes over line ends (<c>re.DOTALL</c>).</summary>
    public static Regex PatternOfLines(string pattern) => new(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.Singleline);

    /// <summary><c>str.strip()</c>.</summary>
    public static string Strip(string text)
    {
        var (start, end) = (0, text.Length);
        while (start < end && IsSpace(text[start])) start++;
        while (end > start && IsSpace(text[end - 1])) end--;
        return text[start..end];
    }

    /// <summary><c>str.split()</c>.</summary>
    public static List<string> Split(string text)
    {
        var words = new List<string>();
        var start = -1;
        for (var i = 0; i <= text.Length; i++)
        {
            var isSpace = i == text.Length || IsSpace(text[i]);
            if (!isSpace && start < 0) start = i;
            if (!isSpace || start < 0) continue;
            words.Add(text[start..i]);
            start = -1;
        }

        return words;
    }

    /// <summary><c>str.lower()</c>: İ becomes two characters, and a sigma at the end of a word its final form.</summary>
    public static string Lower(string text)
    {
        var lower = new StringBuilder(text.Length);
        var runes = text.EnumerateRunes().ToArray();
        for (var i = 0; i < runes.Length; i++)
        {
            if (runes[i].Value == 0x130) lower.Append("i\u0307");
            else if (runes[i].Value == 0x3A3) lower.Append(IsFinal(runes, i) ? 'ς' : 'σ');
            else lower.Append(Rune.ToLowerInvariant(runes[i]));
        }

        return lower.ToString();
    }

    /// <summary><c>int(text)</c> for digits of any script.</summary>
    public static double Integer(string digits)
    {
        if (digits.Length > 4300) throw new RewardException("ValueError", "Exceeds the limit (4300 digits) for integer string conversion");
        var plain = string.Concat(digits.Select(c => (char)('0' + CharUnicodeInfo.GetDecimalDigitValue(c))));
        return double.Parse(plain, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    /// <summary>The first group of the first match, stripped; null where there is none.</summary>
    public static string? First(Regex pattern, string text) => pattern.Match(text) is { Success: true } match ? Strip(match.Groups[1].Value) : null;

    /// <summary>The first group of the last match, as it is; null where there is none.</summary>
    public static string? Last(Regex pattern, string text) => pattern.Matches(text) is { Count: > 0 } matches ? matches[^1].Groups[1].Value : null;

    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    // Unicode 3.13, Final_Sigma: a cased letter before, none after, letters without case passed over
    private static bool IsFinal(Rune[] runes, int at) => Cased(runes, at, -1) && !Cased(runes, at, 1);

    private static bool Cased(Rune[] runes, int at, int step)
    {
        for (var i = at + step; i >= 0 && i < runes.Length; i += step)
        {
            if (IsIgnorable(runes[i])) continue;
            return Rune.IsUpper(runes[i]) || Rune.IsLower(runes[i]) || Rune.GetUnicodeCategory(runes[i]) == UnicodeCategory.TitlecaseLetter;
        }

        return false;
    }

    private static bool IsIgnorable(Rune rune) => rune.Value is '\'' or '.' or ':' or '^' or '`' or 0xA8 or 0xAD or 0xB7 or 0x2018 or 0x2019
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;
}
