namespace Sightline.Generation.Constraints;

/// <summary>
/// Holds a model to an <see cref="AnswerGrammar"/>: at each step only tokens are left with which the answer can still be completed, within its token
/// limit. So every answer that ends by itself or by the limit is one that the grammar describes. Make one for a grammar and use it for many requests: what it
/// learns about the vocabulary is kept. Use it with one engine at a time.
/// </summary>
public sealed class AnswerConstraint
{
    private readonly TokenVocabulary _vocabulary;
    private readonly GrammarStates _states;
    private readonly TokenWalk _walk;

    /// <summary>Compiles the grammar for a vocabulary.</summary>
    /// <exception cref="SightlineException">Usage: the vocabulary lacks tokens for single bytes, without which an answer might not be completed.</exception>
    public AnswerConstraint(AnswerGrammar grammar, TokenVocabulary vocabulary)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        ArgumentNullException.ThrowIfNull(vocabulary);
        RequireBytes(vocabulary);
        _vocabulary = vocabulary;
        _states = new GrammarStates(new GrammarProgram(grammar));
        _walk = new TokenWalk(vocabulary.Trie);
        Start = new GrammarPlace(_states.Start);
    }

    /// <summary>The beginning of an answer.</summary>
    internal GrammarPlace Start { get; }

    /// <summary>Whether a whole text is one that the grammar describes.</summary>
    public bool Accepts(ReadOnlySpan<byte> text)
    {
        var state = _states.Start;
        foreach (var value in text) state = state.Next(value);
        return state.IsAccepting;
    }

    /// <summary>Tokens with which the answer can be completed for certain.</summary>
    internal int LeastTokens(GrammarPlace place, bool stops) => place.State.Distance + (stops ? 1 : 0);

    /// <summary>Whether the answer is complete, nothing can follow within the remaining tokens, and no stop token is to come either.</summary>
    internal bool IsOver(GrammarPlace place, int remaining, bool stops)
    {
        var state = place.State;
        if (stops || !state.IsAccepting) return false;
        return state.IsFinal || (state.Allowed ??= Explore(state, int.MaxValue)).SmallestDistance > remaining - 1;
    }

    /// <summary>After a token that was allowed.</summary>
    internal GrammarPlace Next(GrammarPlace place, int token)
    {
        if (_vocabulary.IsSpecial(token)) return new GrammarPlace(place.State.NextSpecial(token));
        var state = place.State;
        foreach (var value in _vocabulary.Bytes(token)) state = state.Next(value);
        return new GrammarPlace(state);
    }

    /// <summary>Writes a bit for each token that may come.</summary>
    /// <param name="mask">[V / 64].</param>
    /// <param name="place">Where the answer stands.</param>
    /// <param name="remaining">Tokens that the answer may still have, this one included.</param>
    /// <param name="stops">Tokens that end it; empty where it ends with its last character.</param>
    internal void Fill(Span<ulong> mask, GrammarPlace place, int remaining, IReadOnlyList<int> stops)
    {
        mask.Clear();
        var state = place.State;
        var allowed = state.Allowed ??= Explore(state, int.MaxValue);
        var left = remaining - 1 - (stops.Count > 0 ? 1 : 0);
        if (allowed.LargestDistance > left) allowed = Explore(state, left);
        allowed.CopyTo(mask);
        if (!state.IsAccepting) return;
        foreach (var id in stops) mask[id >> 6] |= 1UL << (id & 63);
    }

    private AllowedTokens Explore(GrammarState state, int left)
    {
        var allowed = _walk.Run(state, left);
        foreach (var token in state.Specials)
        {
            var distance = state.NextSpecial(token).Distance;
            if (distance <= left) allowed.Add(token, distance);
        }

        return allowed;
    }

    private static void RequireBytes(TokenVocabulary vocabulary)
    {
        Span<bool> has = stackalloc bool[256];
        for (var id = 0; id < vocabulary.Size; id++)
        {
            if (!vocabulary.IsSpecial(id) && vocabulary.Bytes(id) is [var value]) has[value] = true;
        }

        for (var value = 0; value < 256; value++)
        {
            if (!has[value]) throw new SightlineException(ErrorKind.Usage, $"the vocabulary has no token for the byte {value}: answers by a grammar need a byte-level vocabulary with all 256");
        }
    }
}

/// <summary>How far an answer has come in its grammar.</summary>
internal readonly record struct GrammarPlace(GrammarState State);
