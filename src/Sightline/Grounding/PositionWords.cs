using System.Collections.Frozen;

namespace Sightline.Grounding;

/// <summary>
/// The English words whose meaning depends on the other objects of the picture or on its edges. Errs on the careful side:
/// a word too many costs a crop, a word too few makes a false label.
/// </summary>
public static class PositionWords
{
    private static readonly FrozenSet<string> Words = new[]
    {
        // place
        "left", "leftmost", "lefthand", "right", "rightmost", "righthand", "top", "topmost", "upper", "uppermost", "bottom",
        "bottommost", "lower", "lowermost", "lowest", "highest", "middle", "center", "centre", "central", "corner", "edge", "side",
        "above", "below", "beneath", "under", "over", "beside", "between", "near", "nearest", "nearer", "next", "closest", "closer", "farthest",
        "furthest", "far", "front", "behind", "back", "inside", "outside", "touching", "overlapping", "alone",
        // order and number
        "first", "second", "third", "fourth", "fifth", "sixth", "last", "other", "another", "only", "one", "two", "three", "four", "five", "six",
        "seven", "eight", "nine", "ten", "both", "all", "every", "each", "most", "least", "pair", "group",
        // size and degree
        "big", "bigger", "biggest", "large", "larger", "largest", "small", "smaller", "smallest", "tall", "taller", "tallest", "short", "shorter",
        "shortest", "wide", "wider", "widest", "narrow", "narrower", "narrowest", "long", "longer", "longest", "tiny", "tiniest",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>True when the phrase holds one of the words (or an ordinal in digits such as "2nd").</summary>
    public static bool AreIn(string phrase)
    {
        ArgumentNullException.ThrowIfNull(phrase);
        var lookup = Words.GetAlternateLookup<ReadOnlySpan<char>>();
        var rest = phrase.AsSpan();
        while (!rest.IsEmpty)
        {
            var start = 0;
            while (start < rest.Length && !char.IsLetterOrDigit(rest[start])) start++;
            var end = start;
            while (end < rest.Length && char.IsLetterOrDigit(rest[end])) end++;
            var word = rest[start..end];
            if (!word.IsEmpty && (lookup.Contains(word) || IsOrdinal(word))) return true;
            rest = rest[end..];
        }

        return false;
    }

    private static bool IsOrdinal(ReadOnlySpan<char> word) =>
        word.Length >= 3 && char.IsAsciiDigit(word[0])
        && (word.EndsWith("st", StringComparison.OrdinalIgnoreCase) || word.EndsWith("nd", StringComparison.OrdinalIgnoreCase)
            || word.EndsWith("rd", StringComparison.OrdinalIgnoreCase) || word.EndsWith("th", StringComparison.OrdinalIgnoreCase));
}
