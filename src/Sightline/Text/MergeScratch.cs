namespace Sightline.Text;

/// <summary>The reusable arrays of one thread's merging.</summary>
internal sealed class MergeScratch
{
    [ThreadStatic]
    private static MergeScratch? _ofThread;

    public int[] Symbols = [], Starts = [], Ends = [], Ranks = [], Next = [], Previous = [];

    public byte[] Bytes = new byte[256];

    /// <summary>For each byte of a word, where its character starts and ends in UTF-16 units.</summary>
    public int[] CharStarts = [], CharEnds = [];

    public PriorityQueue<int, ulong> Heap { get; } = new();

    public List<(int Start, int End)> Spans { get; } = [];

    public static MergeScratch OfThread => _ofThread ??= new MergeScratch();

    /// <summary>Fills <see cref="CharStarts"/> and <see cref="CharEnds"/> for well-formed UTF-8.</summary>
    public void PlaceCharacters(ReadOnlySpan<byte> word)
    {
        if (CharStarts.Length < word.Length) (CharStarts, CharEnds) = (new int[word.Length * 2], new int[word.Length * 2]);
        int start = 0, end = 0;
        for (var i = 0; i < word.Length; i++)
        {
            if ((word[i] & 0xC0) != 0x80) (start, end) = (end, end + (word[i] >= 0xF0 ? 2 : 1));
            (CharStarts[i], CharEnds[i]) = (start, end);
        }
    }

    public void Reserve(int count)
    {
        if (Symbols.Length >= count) return;
        var size = Math.Max(64, count * 2);
        (Symbols, Starts, Ends, Ranks, Next, Previous) = (new int[size], new int[size], new int[size], new int[size], new int[size], new int[size]);
    }
}
