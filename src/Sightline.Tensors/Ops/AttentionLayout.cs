namespace Sightline.Tensors.Ops;

/// <summary>
/// Queries QueryStart .. QueryStart + QueryLength see keys KeyStart .. KeyStart + KeyLength: all of them, or, when causal,
/// aligned at the end: query i of n sees the first KeyLength - n + i + 1 keys of the range, so that the last query sees all.
/// </summary>
public readonly record struct AttentionSpan(int QueryStart, int QueryLength, int KeyStart, int KeyLength, bool Causal = false);

/// <summary>
/// Which queries may see which keys, as spans instead of a mask of queries x keys. Several spans with the same query range
/// join their keys (a shared prompt, then a completion's own tokens); query ranges must otherwise not overlap, nor key ranges
/// of one query range. Queries in no span get zeros. Immutable; build it once for a batch and use it in every layer.
/// </summary>
public sealed class AttentionLayout
{
    /// <summary>
    /// Keys of a span that kernels sum together, counted from the span's start. What a query gets depends, to the last bit, only on itself and its keys as
    /// cut by their spans: neither on where the spans lie nor on the other queries; and a span cut at multiples of this number gives the same bits as the
    /// whole. So a sequence whose keys lie in pages of this size has the results of one in a row.
    /// </summary>
    public const int BlockKeys = 126;

    private readonly AttentionSpan[] _spans;
    private readonly Group[] _groups;
    private int[][]? _keySharing;
    private int _keysCovered;

    /// <summary>A layout of these spans, in any order. Sums run over the keys of a query range in the order in which its spans are given.</summary>
    /// <exception cref="ShapeException">Ranges are negative or overlap.</exception>
    public AttentionLayout(params ReadOnlySpan<AttentionSpan> spans)
    {
        _spans = spans.ToArray();
        SortByQuery(_spans);
        var groups = new List<Group>();
        for (var i = 0; i < _spans.Length; i++)
        {
            var span = _spans[i];
            if (span.QueryStart < 0 || span.QueryLength < 0 || span.KeyStart < 0 || span.KeyLength < 0) throw new ShapeException($"AttentionLayout: {span} has a negative number");
            QueryEnd = Math.Max(QueryEnd, span.QueryStart + span.QueryLength);
            KeyEnd = Math.Max(KeyEnd, span.KeyStart + span.KeyLength);
            if (i > 0 && _spans[i - 1] is var last && last.QueryStart == span.QueryStart && last.QueryLength == span.QueryLength)
            {
                groups[^1] = groups[^1] with { SpanCount = groups[^1].SpanCount + 1 };
                continue;
            }

            if (groups.Count > 0 && groups[^1].Start + groups[^1].Length > span.QueryStart)
                throw new ShapeException($"AttentionLayout: the queries of {_spans[i - 1]} and {span} overlap without being the same");
            groups.Add(new Group(span.QueryStart, span.QueryLength, i, 1));
        }

        _groups = [.. groups];
        foreach (var group in _groups) RequireApart(SpansOf(group));
    }

    /// <summary>The spans by query range, those of one range as they were given.</summary>
    public IReadOnlyList<AttentionSpan> Spans => _spans;

    /// <summary>One more than the last query of any span.</summary>
    public int QueryEnd { get; }

    /// <summary>One more than the last key of any span.</summary>
    public int KeyEnd { get; }

    internal ReadOnlySpan<Group> Groups => _groups;

    /// <summary>The query ranges (numbers of <see cref="Groups"/>, in order) in sets that have no key in common: their gradients can be computed side by side.</summary>
    internal int[][] KeySharing => _keySharing ??= FindKeySharing();

    /// <summary>How many keys at least one query range sees.</summary>
    internal int KeysCovered => KeySharing.Length > 0 ? _keysCovered : 0;

    /// <summary>Every query sees every key.</summary>
    public static AttentionLayout Full(int queries, int keys) => new(new AttentionSpan(0, queries, 0, keys));

    /// <summary>Causal, aligned at the end: with fewer queries than keys, the first keys are a cache.</summary>
    public static AttentionLayout Causal(int queries, int keys) => new(new AttentionSpan(0, queries, 0, keys, true));

    /// <summary>A batch of equal pieces, one after another: queries [batch * queries], keys [batch * keys].</summary>
    public static AttentionLayout Batch(int batch, int queries, int keys, bool causal = false)
    {
        var spans = new AttentionSpan[batch];
        for (var i = 0; i < batch; i++) spans[i] = new AttentionSpan(i * queries, queries, i * keys, keys, causal);
        return new AttentionLayout(spans);
    }

    /// <summary>Self-attention within pieces of these lengths, one after another: padding-free batches, windows of a picture.</summary>
    public static AttentionLayout Packed(ReadOnlySpan<int> lengths, bool causal = false)
    {
        var spans = new AttentionSpan[lengths.Length];
        var start = 0;
        for (var i = 0; i < lengths.Length; i++)
        {
            spans[i] = new AttentionSpan(start, lengths[i], start, lengths[i], causal);
            start += lengths[i];
        }

        return new AttentionLayout(spans);
    }

    /// <summary>Queries of one piece against keys of another, for lengths of both: cross-attention of a padding-free batch.</summary>
    public static AttentionLayout Cross(ReadOnlySpan<int> queryLengths, ReadOnlySpan<int> keyLengths)
    {
        if (queryLengths.Length != keyLengths.Length) throw new ShapeException($"AttentionLayout: {queryLengths.Length} query lengths, {keyLengths.Length} key lengths");
        var spans = new AttentionSpan[queryLengths.Length];
        var (query, key) = (0, 0);
        for (var i = 0; i < spans.Length; i++)
        {
            spans[i] = new AttentionSpan(query, queryLengths[i], key, keyLengths[i]);
            query += queryLengths[i];
            key += keyLengths[i];
        }

        return new AttentionLayout(spans);
    }

    /// <summary>Causal text: a prompt, then completions that each see the prompt and themselves. One sequence of all tokens.</summary>
    public static AttentionLayout SharedPrompt(int prompt, ReadOnlySpan<int> completions)
    {
        var spans = new List<AttentionSpan> { new(0, prompt, 0, prompt, true) };
        var start = prompt;
        foreach (var length in completions)
        {
            spans.Add(new AttentionSpan(start, length, 0, prompt));
            spans.Add(new AttentionSpan(start, length, start, length, true));
            start += length;
        }

        return new AttentionLayout([.. spans]);
    }

    /// <summary>Stable, and nothing to do for spans that come in order.</summary>
    private static void SortByQuery(AttentionSpan[] spans)
    {
        for (var i = 1; i < spans.Length; i++)
        {
            if (Before(spans[i], spans[i - 1]))
            {
                spans.OrderBy(span => span.QueryStart).ThenBy(span => span.QueryLength).ToArray().CopyTo(spans, 0);
                return;
            }
        }

        static bool Before(AttentionSpan a, AttentionSpan b) => (a.QueryStart, a.QueryLength).CompareTo((b.QueryStart, b.QueryLength)) < 0;
    }

    private static void RequireApart(ReadOnlySpan<AttentionSpan> spans)
    {
        var isAscending = true;
        for (var i = 1; i < spans.Length && isAscending; i++) isAscending = spans[i - 1].KeyStart + spans[i - 1].KeyLength <= spans[i].KeyStart;
        if (isAscending) return;
        AttentionSpan[] sorted = [.. spans.ToArray().OrderBy(span => span.KeyStart)];
        for (var i = 1; i < sorted.Length; i++)
        {
            if (sorted[i - 1].KeyStart + sorted[i - 1].KeyLength > sorted[i].KeyStart)
                throw new ShapeException($"AttentionLayout: the keys of {sorted[i - 1]} and {sorted[i]} overlap");
        }
    }

    /// <summary>A query range and its spans.</summary>
    internal readonly record struct Group(int Start, int Length, int FirstSpan, int SpanCount);

    internal ReadOnlySpan<AttentionSpan> SpansOf(Group group) => _spans.AsSpan(group.FirstSpan, group.SpanCount);

    /// <summary>Number of blocks when every query range is cut into blocks of this size.</summary>
    internal int CountBlocks(int size)
    {
        var count = 0;
        foreach (var group in _groups) count += (group.Length + size - 1) / size;
        return count;
    }

    /// <summary>Block number <paramref name="index"/> of <see cref="CountBlocks"/>: its group, and its first query and length.</summary>
    internal (Group Group, int Start, int Length) Block(int index, int size)
    {
        foreach (var group in _groups)
        {
            var blocks = (group.Length + size - 1) / size;
            if (index < blocks) return (group, group.Start + (index * size), Math.Min(size, group.Length - (index * size)));
            index -= blocks;
        }

        throw new ArgumentOutOfRangeException(nameof(index));
    }

    private int[][] FindKeySharing()
    {
        var set = new int[_groups.Length]; // the first query range of the set that each belongs to
        var spans = new List<(AttentionSpan Span, int Group)>();
        for (var g = 0; g < _groups.Length; g++)
        {
            set[g] = g;
            foreach (var span in SpansOf(_groups[g])) spans.Add((span, g));
        }

        spans.Sort(static (a, b) => (a.Span.KeyStart, a.Group).CompareTo((b.Span.KeyStart, b.Group)));
        var (covered, end, last) = (0, 0, 0);
        foreach (var (span, group) in spans)
        {
            if (span.KeyLength == 0) continue;
            if (span.KeyStart < end) Join(set, last, group);
            else last = group;
            covered += Math.Max(0, span.KeyStart + span.KeyLength - Math.Max(end, span.KeyStart));
            end = Math.Max(end, span.KeyStart + span.KeyLength);
        }

        _keysCovered = covered;
        return [.. Enumerable.Range(0, set.Length).GroupBy(g => Root(set, g)).OrderBy(members => members.Key).Select(members => members.ToArray())];
    }

    private static int Root(int[] set, int group)
    {
        while (set[group] != group) group = set[group];
        return group;
    }

    private static void Join(int[] set, int a, int b)
    {
        (a, b) = (Root(set, a), Root(set, b));
        set[Math.Max(a, b)] = Math.Min(a, b);
    }
}
