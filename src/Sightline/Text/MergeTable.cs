namespace Sightline.Text;

/// <summary>Pairs of token ids to the rank of their merge: an open-addressing table, one cache line a look-up.</summary>
internal sealed class MergeTable
{
    /// <summary>The rank of a pair that does not merge.</summary>
    public const int None = int.MaxValue;

    private const ulong Empty = ulong.MaxValue;

    private readonly Slot[] _slots;
    private readonly int[] _results;
    private readonly int _mask;
    private int _count;

    /// <param name="capacity">How many merges there will be at most.</param>
    public MergeTable(int capacity)
    {
        var size = 16;
        while (size < capacity * 2L) size *= 2;
        _slots = new Slot[size];
        _slots.AsSpan().Fill(new Slot(Empty, None));
        _mask = size - 1;
        _results = new int[capacity];
    }

    /// <summary>Adds the merge of the next rank; of a pair that is there already, the later rank counts (as in the reference).</summary>
    public void Add(int left, int right, int result)
    {
        var key = Key(left, right);
        var slot = Place(key);
        while (_slots[slot].Key != Empty && _slots[slot].Key != key) slot = (slot + 1) & _mask;
        _slots[slot] = new Slot(key, _count);
        _results[_count++] = result;
    }

    /// <summary>The rank of a pair's merge, or <see cref="None"/>.</summary>
    public int Rank(int left, int right)
    {
        var key = Key(left, right);
        for (var slot = Place(key); ; slot = (slot + 1) & _mask)
        {
            ref readonly var found = ref _slots[slot];
            if (found.Key == key) return found.Rank;
            if (found.Key == Empty) return None;
        }
    }

    /// <summary>The token that a merge of this rank makes.</summary>
    public int Result(int rank) => _results[rank];

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Place(ulong key)
    {
        key = (key ^ (key >> 29)) * 0x9E3779B97F4A7C15;
        return (int)(key >> 40) & _mask;
    }

    private readonly record struct Slot(ulong Key, int Rank);
}
