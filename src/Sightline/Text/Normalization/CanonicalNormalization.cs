namespace Sightline.Text.Normalization;

/// <summary>
/// Unicode canonical normalization, NFC and NFD (UAX #15, <see href="https://www.unicode.org/reports/tr15/"/>), with our
/// own tables: in globalization-invariant mode <c>string.Normalize</c> returns its input, and the tokenizers must give
/// the same ids on every machine. Sources follow the convention of the Hugging Face tokenizers library: a composed
/// character keeps the place of its first part, an inserted one that of the character before it.
/// </summary>
internal static class CanonicalNormalization
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28;
    private const int HangulCount = LeadCount * VowelCount * TrailCount;

    private static readonly Dictionary<int, (int First, int Second)> Decompositions = BuildDecompositions();
    private static readonly Dictionary<long, int> Compositions = BuildCompositions();
    private static readonly Dictionary<int, byte> Classes = BuildClasses();
    private static readonly byte[] Suspicious = BuildSuspicious();

    /// <summary>
    /// True when the text certainly is NFC already (and well-formed UTF-16); false means that it has to be normalized to
    /// know. The quick check of UAX #15 section 9, with "maybe" counted as no.
    /// </summary>
    public static bool IsCertainlyNfc(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c < 0x300) continue;
            if ((Suspicious[c >> 3] & (1 << (c & 7))) != 0)
            {
                // a pair of surrogates: suspicious only when its code point takes part in normalization
                if (!char.IsHighSurrogate(c) || i + 1 >= text.Length || !char.IsLowSurrogate(text[i + 1])) return false;
                var value = char.ConvertToUtf32(c, text[++i]);
                if (Classes.ContainsKey(value) || Decompositions.ContainsKey(value) || SupplementarySeconds.Contains(value)) return false;
            }
        }

        return true;
    }

    /// <summary>The canonical combining class, 0 for starters.</summary>
    public static int CombiningClass(int value) => value >= 0x300 && Classes.TryGetValue(value, out var c) ? c : 0;

    /// <summary>Writes the canonical decomposition of <paramref name="input"/> to <paramref name="output"/>.</summary>
    public static void Decompose(CodePointBuffer input, CodePointBuffer output) => Decompose(input, output, trackPositions: true);

    /// <summary>Writes the canonical composition of <paramref name="input"/> to <paramref name="output"/>; <paramref name="work"/> is scratch.</summary>
    public static void Compose(CodePointBuffer input, CodePointBuffer work, CodePointBuffer output)
    {
        // While composing, Sources holds the change counts: 0 replaces a character, 1 was inserted, -n swallowed n more.
        Decompose(input, work, trackPositions: false);
        output.Clear();
        var starter = -1;       // index in output of the last starter
        var lastClass = 0;      // class of the last character kept after it
        for (var i = 0; i < work.Count; i++)
        {
            var value = work.Values[i];
            var change = work.Sources[i];
            var combining = CombiningClass(value);
            var adjacent = starter == output.Count - 1;
            if (starter >= 0 && (adjacent || lastClass < combining)
                && TryCompose(output.Values[starter], value, out var composite))
            {
                output.Values[starter] = composite;
                output.Sources[starter] += change - 1;
                continue;
            }

            if (combining == 0) starter = output.Count;
            lastClass = combining;
            output.Add(value, change);
        }

        ResolveChanges(input, output);
    }

    private static void Decompose(CodePointBuffer input, CodePointBuffer output, bool trackPositions)
    {
        output.Clear();
        for (var i = 0; i < input.Count; i++)
        {
            var first = output.Count;
            AppendDecomposition(input.Values[i], output);
            for (var k = first; k < output.Count; k++) output.Sources[k] = k == first ? 0 : 1;
        }

        Reorder(output);
        if (trackPositions) ResolveChanges(input, output);
    }

    private static void AppendDecomposition(int value, CodePointBuffer output)
    {
        if (value < 0xC0)
        {
            output.Add(value, 0);
            return;
        }

        var hangul = value - HangulBase;
        if ((uint)hangul < HangulCount)
        {
            output.Add(LeadBase + (hangul / (VowelCount * TrailCount)), 0);
            output.Add(VowelBase + (hangul % (VowelCount * TrailCount) / TrailCount), 0);
            if (hangul % TrailCount != 0) output.Add(TrailBase + (hangul % TrailCount), 0);
            return;
        }

        if (!Decompositions.TryGetValue(value, out var parts))
        {
            output.Add(value, 0);
            return;
        }

        AppendDecomposition(parts.First, output);
        if (parts.Second != 0) AppendDecomposition(parts.Second, output);
    }

    // Canonical ordering: a stable insertion sort of every run of non-starters by class.
    private static void Reorder(CodePointBuffer text)
    {
        var values = text.Values;
        for (var i = 1; i < text.Count; i++)
        {
            var combining = CombiningClass(values[i]);
            if (combining == 0) continue;
            if (CombiningClass(values[i - 1]) <= combining) continue;
            var runStart = i;
            while (runStart > 0 && CombiningClass(values[runStart - 1]) != 0) runStart--;
            var runEnd = i + 1;
            while (runEnd < text.Count && CombiningClass(values[runEnd]) != 0) runEnd++;
            SortRun(text, runStart, runEnd);
            i = runEnd - 1;
        }
    }

    private static void SortRun(CodePointBuffer text, int start, int end)
    {
        // Classes fit a byte: a counting sort keeps hostile runs of a million accents linear.
        Span<int> places = stackalloc int[257];
        places.Clear();
        for (var i = start; i < end; i++) places[CombiningClass(text.Values[i]) + 1]++;
        for (var c = 1; c < places.Length; c++) places[c] += places[c - 1];
        var run = end - start;
        var values = run <= 64 ? stackalloc int[64] : new int[run];
        var sources = run <= 64 ? stackalloc int[64] : new int[run];
        for (var i = start; i < end; i++)
        {
            var place = places[CombiningClass(text.Values[i])]++;
            values[place] = text.Values[i];
            sources[place] = text.Sources[i];
        }

        values[..run].CopyTo(text.Values.AsSpan(start));
        sources[..run].CopyTo(text.Sources.AsSpan(start));
    }

    private static bool TryCompose(int first, int second, out int composite)
    {
        if ((uint)(first - LeadBase) < LeadCount && (uint)(second - VowelBase) < VowelCount)
        {
            composite = HangulBase + ((((first - LeadBase) * VowelCount) + (second - VowelBase)) * TrailCount);
            return true;
        }

        var syllable = first - HangulBase;
        if ((uint)syllable < HangulCount && syllable % TrailCount == 0 && (uint)(second - TrailBase - 1) < TrailCount - 1)
        {
            composite = first + (second - TrailBase);
            return true;
        }

        composite = 0;
        return second >= 0x300 && Compositions.TryGetValue(((long)first << 32) | (uint)second, out composite);
    }

    // From change counts to places in the original, the way the reference library walks them.
    private static void ResolveChanges(CodePointBuffer input, CodePointBuffer output)
    {
        var position = 0;
        for (var i = 0; i < output.Count; i++)
        {
            var change = output.Sources[i];
            if (change > 0)
            {
                output.Sources[i] = input.Sources[Math.Max(position - 1, 0)];
                continue;
            }

            output.Sources[i] = input.Sources[Math.Min(position, input.Count - 1)];
            position += 1 - change;
        }
    }

    private static Dictionary<int, (int First, int Second)> BuildDecompositions()
    {
        var table = NormalizationTables.Decompositions;
        var result = new Dictionary<int, (int, int)>(table.Length / 3);
        for (var i = 0; i < table.Length; i += 3) result.Add(table[i], (table[i + 1], table[i + 2]));
        return result;
    }

    private static Dictionary<long, int> BuildCompositions()
    {
        var table = NormalizationTables.Decompositions;
        var excluded = NormalizationTables.ExcludedComposites;
        var result = new Dictionary<long, int>(table.Length / 3);
        for (var i = 0; i < table.Length; i += 3)
        {
            if (table[i + 2] == 0 || excluded.BinarySearch(table[i]) >= 0) continue;
            result.Add(((long)table[i + 1] << 32) | (uint)table[i + 2], table[i]);
        }

        return result;
    }

    private static Dictionary<int, byte> BuildClasses()
    {
        var table = NormalizationTables.CombiningClasses;
        var result = new Dictionary<int, byte>();
        for (var i = 0; i < table.Length; i += 3)
        {
            for (var value = table[i]; value <= table[i + 1]; value++) result.Add(value, (byte)table[i + 2]);
        }

        return result;
    }

    private static readonly HashSet<int> SupplementarySeconds = BuildSupplementarySeconds();

    private static HashSet<int> BuildSupplementarySeconds()
    {
        var result = new HashSet<int>();
        foreach (var pair in Compositions.Keys)
        {
            if ((int)pair > 0xFFFF) result.Add((int)pair);
        }

        return result;
    }

    // One bit a BMP unit: it has a class, is a composite that NFC takes apart, can be a second part, or is a surrogate.
    private static byte[] BuildSuspicious()
    {
        var bits = new byte[65536 / 8];
        void Mark(int value)
        {
            if (value <= 0xFFFF) bits[value >> 3] |= (byte)(1 << (value & 7));
        }

        foreach (var value in Classes.Keys) Mark(value);
        foreach (var pair in Compositions.Keys) Mark((int)pair);
        foreach (var (value, parts) in Decompositions)
        {
            if (parts.Second == 0 || NormalizationTables.ExcludedComposites.BinarySearch(value) >= 0) Mark(value);
        }

        for (var value = VowelBase; value < VowelBase + VowelCount; value++) Mark(value);
        for (var value = TrailBase; value < TrailBase + TrailCount; value++) Mark(value);
        for (var value = 0xD800; value < 0xE000; value++) Mark(value);
        return bits;
    }
}
