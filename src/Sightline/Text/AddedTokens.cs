using System.Buffers;

namespace Sightline.Text;

/// <summary>A token that is cut out of the text before anything else is done to it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its spelling.</param>
/// <param name="Special">Whether decoding may leave it out.</param>
/// <param name="SingleWord">Whether it counts only where no word character touches it.</param>
/// <param name="StripLeft">Whether it swallows the whitespace before it.</param>
/// <param name="StripRight">Whether it swallows the whitespace after it.</param>
/// <param name="Normalized">Whether it is looked for in the normalized text.</param>
internal sealed record AddedToken(
    int Id, string Content, bool Special, bool SingleWord = false, bool StripLeft = false, bool StripRight = false, bool Normalized = false);

/// <summary>Finds added tokens in a text: at each place the longest one wins, as in the reference library.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<char, AddedToken[]> _byFirst;
    private readonly SearchValues<char> _firsts;

    public AddedTokens(IEnumerable<AddedToken> tokens)
    {
        _byFirst = tokens.Where(t => t.Content.Length > 0).GroupBy(t => t.Content[0])
            .ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Content.Length).ToArray());
        _firsts = SearchValues.Create(_byFirst.Keys.ToArray());
    }

    /// <summary>The next added token at or after <paramref name="from"/>: its range, swallowed whitespace included.</summary>
    public bool TryFind(ReadOnlySpan<char> text, int from, out int start, out int end, out AddedToken token)
    {
        for (var i = from; i < text.Length; i++)
        {
            var step = text[i..].IndexOfAny(_firsts);
            if (step < 0) break;
            i += step;
            foreach (var candidate in _byFirst[text[i]])
            {
                if (!text[i..].StartsWith(candidate.Content, StringComparison.Ordinal)) continue;
                (start, end, token) = (i, i + candidate.Content.Length, candidate);
                if (token.SingleWord && (IsWord(text, start - 1) || IsWord(text, end))) continue;
                while (token.StripLeft && start > from && char.IsWhiteSpace(text[start - 1])) start--;
                while (token.StripRight && end < text.Length && char.IsWhiteSpace(text[end])) end++;
                return true;
            }
        }

        (start, end, token) = (text.Length, text.Length, null!);
        return false;
    }

    private static bool IsWord(ReadOnlySpan<char> text, int index) =>
        (uint)index < (uint)text.Length && (text[index] == '_' || char.IsLetterOrDigit(text[index]));
}
