namespace Sightline.Text;

/// <summary>
/// A byte-level BPE vocabulary: the first symbol of every byte and the merges by rank (Sennrich et al. 2016; the
/// byte-level form of GPT-2). Merging always takes the pair of the lowest rank, the leftmost of equals.
/// </summary>
internal sealed class BytePairVocabulary
{
    // Beyond this the linear search for the best pair loses to the heap.
    private const int ShortWord = 40;

    private readonly string?[] _tokens;
    private readonly Dictionary<string, int> _ids;
    private readonly int[] _byteIds = new int[256];
    private readonly int[] _lastByteIds;
    private readonly MergeTable _merges;
    private readonly bool _ignoreMerges;

    /// <param name="ids">Token to id, tokens in the byte-level alphabet.</param>
    /// <param name="merges">The merges, best first.</param>
    /// <param name="suffix">What marks the end of a word (CLIP: &lt;/w&gt;), or empty.</param>
    /// <param name="unknown">The id for bytes the vocabulary lacks, or -1 to drop them.</param>
    /// <param name="ignoreMerges">Whether a word that is a token as a whole is taken without merging.</param>
    public BytePairVocabulary(Dictionary<string, int> ids, MergeTable merges, string suffix, int unknown, bool ignoreMerges)
    {
        _ids = ids;
        _merges = merges;
        _ignoreMerges = ignoreMerges;
        Suffix = suffix;
        _tokens = new string?[ids.Values.DefaultIfEmpty(-1).Max() + 1];
        foreach (var (token, id) in ids) _tokens[id] = token;
        _lastByteIds = suffix.Length == 0 ? _byteIds : new int[256];
        for (var value = 0; value < 256; value++)
        {
            var spelling = ByteLevelAlphabet.Character((byte)value).ToString();
            _byteIds[value] = ids.TryGetValue(spelling, out var id) ? id : unknown;
            if (suffix.Length > 0) _lastByteIds[value] = ids.TryGetValue(spelling + suffix, out id) ? id : unknown;
        }
    }

    public string Suffix { get; }

    public int Size => _tokens.Length;

    public int? Find(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    public string? Token(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <summary>Encodes the UTF-8 bytes of a word: ids, and for each the end of its bytes (the start is the end before it).</summary>
    public void Encode(ReadOnlySpan<byte> word, List<int> ids, List<(int Start, int End)>? byteSpans, MergeScratch scratch)
    {
        if (_ignoreMerges && Whole(word) is { } whole)
        {
            ids.Add(whole);
            byteSpans?.Add((0, word.Length));
            return;
        }

        scratch.Reserve(word.Length);
        var count = 0;
        for (var i = 0; i < word.Length; i++)
        {
            var id = (i == word.Length - 1 ? _lastByteIds : _byteIds)[word[i]];
            if (id < 0) continue;
            scratch.Symbols[count] = id;
            scratch.Starts[count] = i;
            scratch.Ends[count++] = i + 1;
        }

        count = count <= ShortWord ? MergeShort(scratch, count) : MergeLong(scratch, count);
        for (var i = 0; i < count; i++)
        {
            ids.Add(scratch.Symbols[i]);
            byteSpans?.Add((scratch.Starts[i], scratch.Ends[i]));
        }
    }

    private int? Whole(ReadOnlySpan<byte> word)
    {
        Span<char> spelling = word.Length <= 256 ? stackalloc char[word.Length] : new char[word.Length];
        for (var i = 0; i < word.Length; i++) spelling[i] = ByteLevelAlphabet.Character(word[i]);
        return _ids.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(spelling, out var id) ? id : null;
    }

    // Symbols stay packed; Ranks[i] is the rank of the pair (i, i + 1).
    private int MergeShort(MergeScratch scratch, int count)
    {
        var (symbols, ends, ranks) = (scratch.Symbols, scratch.Ends, scratch.Ranks);
        for (var i = 0; i + 1 < count; i++) ranks[i] = _merges.Rank(symbols[i], symbols[i + 1]);
        while (count > 1)
        {
            var best = 0;
            for (var i = 1; i < count - 1; i++)
            {
                if (ranks[i] < ranks[best]) best = i;
            }

            if (ranks[best] == MergeTable.None) break;
            symbols[best] = _merges.Result(ranks[best]);
            ends[best] = ends[best + 1];
            for (var i = best + 1; i < count - 1; i++)
            {
                symbols[i] = symbols[i + 1];
                scratch.Starts[i] = scratch.Starts[i + 1];
                ends[i] = ends[i + 1];
                ranks[i] = ranks[i + 1];
            }

            count--;
            if (best > 0) ranks[best - 1] = _merges.Rank(symbols[best - 1], symbols[best]);
            if (best + 1 < count) ranks[best] = _merges.Rank(symbols[best], symbols[best + 1]);
        }

        return count;
    }

    // Linked symbols and a heap of (rank, place); an entry is stale when the place's rank has changed since.
    private int MergeLong(MergeScratch scratch, int count)
    {
        var (symbols, ranks, next, previous, heap) = (scratch.Symbols, scratch.Ranks, scratch.Next, scratch.Previous, scratch.Heap);
        heap.Clear();
        for (var i = 0; i < count; i++)
        {
            next[i] = i + 1 < count ? i + 1 : -1;
            previous[i] = i - 1;
            ranks[i] = MergeTable.None;
        }

        void Offer(int place)
        {
            var rank = next[place] < 0 ? MergeTable.None : _merges.Rank(symbols[place], symbols[next[place]]);
            ranks[place] = rank;
            if (rank != MergeTable.None) heap.Enqueue(place, ((ulong)rank << 32) | (uint)place);
        }

        for (var i = 0; i + 1 < count; i++) Offer(i);
        while (heap.TryDequeue(out var place, out var priority))
        {
            if (ranks[place] != (int)(priority >> 32)) continue;
            var gone = next[place];
            symbols[place] = _merges.Result(ranks[place]);
            scratch.Ends[place] = scratch.Ends[gone];
            next[place] = next[gone];
            if (next[gone] >= 0) previous[next[gone]] = place;
            ranks[gone] = MergeTable.None;
            if (previous[place] >= 0) Offer(previous[place]);
            Offer(place);
        }

        var kept = 0;
        for (var i = 0; i >= 0; i = next[i])
        {
            symbols[kept] = symbols[i];
            scratch.Starts[kept] = scratch.Starts[i];
            scratch.Ends[kept++] = scratch.Ends[i];
        }

        return kept;
    }
}
