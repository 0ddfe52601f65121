namespace Sightline.Generation.Constraints;

/// <summary>Finds the tokens whose bytes a state allows, by walking the tree of tokens along the automaton.</summary>
internal sealed class TokenWalk(TokenTrie trie)
{
    /// <summary>The tokens after which at most <paramref name="left"/> more are needed.</summary>
    public AllowedTokens Run(GrammarState state, int left)
    {
        var allowed = new AllowedTokens();
        Visit(0, state, left, allowed);
        return allowed;
    }

    private void Visit(int node, GrammarState state, int left, AllowedTokens allowed)
    {
        var (start, end) = trie.Children(node);
        for (var child = start; child < end; child++)
        {
            var next = state.Next(trie.ByteOf(child));
            if (next.IsDead) continue;
            if (next.Distance <= left)
            {
                foreach (var token in trie.TokensAt(child)) allowed.Add(token, next.Distance);
            }

            Visit(child, next, left, allowed);
        }
    }
}

/// <summary>The tokens that may come, and the longest and the shortest way to the end after one of them.</summary>
internal sealed class AllowedTokens
{
    /// <summary>Up to this many are kept as a list, more as a bit each.</summary>
    private const int MostListed = 2048;

    private readonly List<int> _tokens = [];
    private ulong[] _bits = [];

    public int LargestDistance { get; private set; }

    public int SmallestDistance { get; private set; } = int.MaxValue;

    public void Add(int token, int distance)
    {
        LargestDistance = Math.Max(LargestDistance, distance);
        SmallestDistance = Math.Min(SmallestDistance, distance);
        if (_tokens.Count < MostListed)
        {
            _tokens.Add(token);
            return;
        }

        if (token >> 6 >= _bits.Length) Array.Resize(ref _bits, (token >> 6) + 512);
        _bits[token >> 6] |= 1UL << (token & 63);
    }

    public void CopyTo(Span<ulong> mask)
    {
        for (var i = 0; i < Math.Min(_bits.Length, mask.Length); i++) mask[i] |= _bits[i];
        foreach (var id in _tokens) mask[id >> 6] |= 1UL << (id & 63);
    }
}
