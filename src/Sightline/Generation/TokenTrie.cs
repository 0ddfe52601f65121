namespace Sightline.Generation;

/// <summary>
/// The tokens of a vocabulary that are text, as a tree over their bytes: which tokens a grammar allows is found by walking the tree along what
/// the grammar allows, so that tokens with a common beginning cost one step. Nodes are numbered breadth-first, children of a node in one run.
/// </summary>
internal sealed class TokenTrie
{
    private readonly int[] _firstChild; // [nodes + 1]
    private readonly byte[] _byte;
    private readonly int[] _firstToken; // [nodes + 1]
    private readonly int[] _tokens;

    public TokenTrie(TokenVocabulary vocabulary)
    {
        int[] ids = [.. Enumerable.Range(0, vocabulary.Size).Where(id => !vocabulary.IsSpecial(id) && vocabulary.Bytes(id).Length > 0)];
        Array.Sort(ids, (a, b) => vocabulary.Bytes(a).SequenceCompareTo(vocabulary.Bytes(b)) is var order && order != 0 ? order : a.CompareTo(b));
        var firstChild = new List<int>();
        var firstToken = new List<int>();
        var bytes = new List<byte> { 0 };
        _tokens = new int[ids.Length];
        var ranges = new List<(int Start, int End)> { (0, ids.Length) }; // of each node: its ids, by length and then bytes
        var filled = 0;
        for (int node = 0, depth = 0, levelEnd = 1; node < ranges.Count; node++)
        {
            if (node == levelEnd) (depth, levelEnd) = (depth + 1, ranges.Count);
            var (start, end) = ranges[node];
            firstToken.Add(filled);
            for (; start < end && vocabulary.Bytes(ids[start]).Length == depth; start++) _tokens[filled++] = ids[start];
            firstChild.Add(ranges.Count);
            while (start < end)
            {
                var value = vocabulary.Bytes(ids[start])[depth];
                var next = start;
                while (next < end && vocabulary.Bytes(ids[next])[depth] == value) next++;
                ranges.Add((start, next));
                bytes.Add(value);
                start = next;
            }
        }

        firstChild.Add(ranges.Count);
        firstToken.Add(filled);
        (_firstChild, _byte, _firstToken) = ([.. firstChild], [.. bytes], [.. firstToken]);
    }

    /// <summary>The first of a node's children and one more than the last. The root is 0.</summary>
    public (int Start, int End) Children(int node) => (_firstChild[node], _firstChild[node + 1]);

    /// <summary>The byte that leads to a node.</summary>
    public byte ByteOf(int node) => _byte[node];

    /// <summary>The tokens that are spelled by the way to a node.</summary>
    public ReadOnlySpan<int> TokensAt(int node) => _tokens.AsSpan(_firstToken[node], _firstToken[node + 1] - _firstToken[node]);
}
