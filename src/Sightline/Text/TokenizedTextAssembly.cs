namespace Sightline.Text;

/// <summary>Cuts, surrounds and pads the tokens of one or two texts (the order of the Hugging Face library: cut, template, pad).</summary>
internal sealed class TokenizedTextAssembly(
    string first, string? second, TokenizeOptions options, SpecialTokenTemplate template, int? pad, bool padLeft)
{
    private readonly List<int> _ids = [], _types = [], _special = [];
    private readonly List<(int Start, int End)> _offsets = [], _charOffsets = [];

    public List<int> FirstIds { get; } = [];

    public List<(int Start, int End)> FirstSpans { get; } = [];

    public List<int> SecondIds { get; } = [];

    public List<(int Start, int End)> SecondSpans { get; } = [];

    public TokenizedText Build()
    {
        var parts = !options.AddSpecialTokens ? (second is null ? SpecialTokenTemplate.None.Single : SpecialTokenTemplate.None.Pair)
            : second is null ? template.Single : template.Pair;
        if (options.MaxLength is { } limit)
        {
            var room = limit - parts.Count(p => p.Source < 0);
            if (room < 0) throw new ArgumentException($"a limit of {limit} tokens does not hold the {limit - room} special tokens; raise MaxLength or leave them out");
            Cut(room);
        }

        foreach (var part in parts)
        {
            if (part.Source < 0) Add(part.Id, part.TypeId, 1, (0, 0), (0, 0));
            else if (part.Source == 0) AddText(first, FirstIds, FirstSpans, part.TypeId);
            else AddText(second!, SecondIds, SecondSpans, part.TypeId);
        }

        return Finish();
    }

    // "longest first": the longer text loses tokens until both fit.
    private void Cut(int room)
    {
        if (FirstIds.Count + SecondIds.Count <= room) return;
        if (second is null)
        {
            Keep(FirstIds, FirstSpans, room);
            return;
        }

        var swap = FirstIds.Count > SecondIds.Count;
        var shorter = Math.Min(FirstIds.Count, SecondIds.Count);
        var longer = shorter > room ? shorter : Math.Max(shorter, room - shorter);
        if (shorter + longer > room)
        {
            shorter = room / 2;
            longer = shorter + (room % 2);
        }

        Keep(FirstIds, FirstSpans, swap ? longer : shorter);
        Keep(SecondIds, SecondSpans, swap ? shorter : longer);
    }

    private static void Keep(List<int> ids, List<(int Start, int End)> spans, int count)
    {
        if (ids.Count <= count) return;
        ids.RemoveRange(count, ids.Count - count);
        spans.RemoveRange(count, spans.Count - count);
    }

    private void Add(int id, int type, int special, (int Start, int End) offset, (int Start, int End) charOffset)
    {
        _ids.Add(id);
        _types.Add(type);
        _special.Add(special);
        _offsets.Add(offset);
        _charOffsets.Add(charOffset);
    }

    private void AddText(string text, List<int> ids, List<(int Start, int End)> spans, int type)
    {
        var places = CodePointPlaces(text);
        for (var i = 0; i < ids.Count; i++)
        {
            var (start, end) = spans[i];
            Add(ids[i], type, 0, places is null ? (start, end) : (places[start], places[end]), (start, end));
        }
    }

    // UTF-16 index to code point index; null when they are the same.
    private static int[]? CodePointPlaces(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\ud800', '\udbff')) return null;
        var places = new int[text.Length + 1];
        for (int i = 0, place = 0; i < text.Length; i++)
        {
            places[i] = place;
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1])) places[++i] = place;
            places[i + 1] = ++place;
        }

        return places;
    }

    private TokenizedText Finish()
    {
        var count = _ids.Count;
        var left = 0;
        if (options.PadToMaxLength)
        {
            if (options.MaxLength is not { } limit || pad is not { } padId)
            {
                throw new ArgumentException("padding needs MaxLength and a tokenizer with a pad token");
            }

            var missing = Math.Max(0, limit - count);
            left = (options.PadLeft ?? padLeft) ? missing : 0;
            for (var i = 0; i < missing; i++) Add(padId, 0, 1, (0, 0), (0, 0));
        }

        var mask = new int[_ids.Count];
        mask.AsSpan(left, count).Fill(1);
        return new TokenizedText
        {
            Ids = Rotate(_ids, left),
            TypeIds = Rotate(_types, left),
            AttentionMask = mask,
            SpecialTokensMask = Rotate(_special, left),
            Offsets = Rotate(_offsets, left),
            CharOffsets = Rotate(_charOffsets, left),
        };
    }

    // Brings the padding at the end to the front.
    private static T[] Rotate<T>(List<T> items, int left)
    {
        var result = new T[items.Count];
        for (var i = 0; i < result.Length; i++) result[(i + left) % result.Length] = items[i];
        return result;
    }
}
