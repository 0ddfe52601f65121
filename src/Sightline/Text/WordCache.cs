using System.Runtime.InteropServices;

namespace Sightline.Text;

/// <summary>
/// The ids of words seen before. Fixed size, filled once and never changed after: readers need no lock, and text made of
/// known words costs no allocation. A word that finds no free place is simply computed again.
/// </summary>
internal sealed class WordCache
{
    private const int Slots = 1 << 16, Probes = 4, LongestWord = 64;

    private readonly Entry?[] _entries = new Entry?[Slots];

    /// <summary>Appends the remembered ids of a word, if it is known.</summary>
    public bool TryAppend(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > LongestWord) return false;
        var hash = Hash(word);
        for (var probe = 0; probe < Probes; probe++)
        {
            var entry = Volatile.Read(ref _entries[(hash + probe) & (Slots - 1)]);
            if (entry is null) return false;
            if (!word.SequenceEqual(entry.Word)) continue;
            if (entry.Ids.Length == 1) ids.Add(entry.Ids[0]);
            else ids.AddRange(entry.Ids.AsSpan());
            return true;
        }

        return false;
    }

    /// <summary>Remembers that a word gave the ids from index <paramref name="from"/> on, if there is room.</summary>
    public void Remember(ReadOnlySpan<char> word, List<int> ids, int from)
    {
        if (word.Length > LongestWord) return;
        var hash = Hash(word);
        for (var probe = 0; probe < Probes; probe++)
        {
            ref var place = ref _entries[(hash + probe) & (Slots - 1)];
            if (Volatile.Read(ref place) is not null) continue;
            Volatile.Write(ref place, new Entry(word.ToString(), CollectionsMarshal.AsSpan(ids)[from..].ToArray()));
            return;
        }
    }

    private static int Hash(ReadOnlySpan<char> word)
    {
        var hash = 0x9E3779B97F4A7C15UL;
        var pairs = MemoryMarshal.Cast<char, uint>(word);
        foreach (var pair in pairs) hash = (hash ^ pair) * 0xD6E8FEB86659FD93;
        if ((word.Length & 1) != 0) hash = (hash ^ word[^1]) * 0xD6E8FEB86659FD93;
        return (int)((hash ^ (hash >> 32)) & 0x7FFFFFFF);
    }

    private sealed record Entry(string Word, int[] Ids);
}
