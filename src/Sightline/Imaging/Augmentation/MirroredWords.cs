using System.Collections.Frozen;
using System.Text;

namespace Sightline.Imaging.Augmentation;

/// <summary>Exchanges the words of a phrase that a mirror exchanges, keeping their case; other text stays as it is.</summary>
public static class MirroredWords
{
    private static readonly FrozenDictionary<string, string> Sideways = Both(
        ("left", "right"), ("leftmost", "rightmost"), ("lefthand", "righthand"), ("leftward", "rightward"), ("leftwards", "rightwards"));

    private static readonly FrozenDictionary<string, string> Upright = Both(
        ("top", "bottom"), ("topmost", "bottommost"), ("upper", "lower"), ("uppermost", "lowermost"), ("above", "below"), ("highest", "lowest"), ("higher", "lower"),
        ("over", "under"), ("upward", "downward"), ("upwards", "downwards"), ("up", "down"));

    /// <summary>For a picture whose left and right were exchanged.</summary>
    public static string LeftRight(string phrase) => Exchange(phrase, Sideways);

    /// <summary>For a picture whose top and bottom were exchanged.</summary>
    public static string TopBottom(string phrase) => Exchange(phrase, Upright);

    private static string Exchange(string phrase, FrozenDictionary<string, string> pairs)
    {
        ArgumentNullException.ThrowIfNull(phrase);
        var lookup = pairs.GetAlternateLookup<ReadOnlySpan<char>>();
        StringBuilder? changed = null;
        var copied = 0;
        for (var at = 0; at < phrase.Length;)
        {
            if (!char.IsLetterOrDigit(phrase[at]))
            {
                at++;
                continue;
            }

            var end = at;
            while (end < phrase.Length && char.IsLetterOrDigit(phrase[end])) end++;
            var word = phrase.AsSpan(at, end - at);
            if (lookup.TryGetValue(word, out var other))
            {
                changed ??= new StringBuilder(phrase.Length + 8);
                changed.Append(phrase, copied, at - copied).Append(InCaseOf(word, other));
                copied = end;
            }

            at = end;
        }

        return changed is null ? phrase : changed.Append(phrase, copied, phrase.Length - copied).ToString();
    }

    private static string InCaseOf(ReadOnlySpan<char> word, string other)
    {
        if (!char.IsUpper(word[0])) return other;
        return word.Length > 1 && char.IsUpper(word[1]) ? other.ToUpperInvariant() : char.ToUpperInvariant(other[0]) + other[1..];
    }

    private static FrozenDictionary<string, string> Both(params ReadOnlySpan<(string A, string B)> pairs)
    {
        var all = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (a, b) in pairs)
        {
            all.TryAdd(a, b);
            all.TryAdd(b, a);
        }

        return all.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }
}
