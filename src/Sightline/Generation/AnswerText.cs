using System.Text;

namespace Sightline.Generation;

/// <summary>The text of an answer as it grows by tokens: where a stop text begins, and how much of it is certain.</summary>
internal sealed class AnswerText
{
    private readonly TokenVocabulary _vocabulary;
    private readonly byte[][] _stops;
    private readonly List<byte> _bytes = [];
    private readonly List<int> _ends = [];
    private int _given;

    public AnswerText(TokenVocabulary vocabulary, IReadOnlyList<string> stops)
    {
        _vocabulary = vocabulary;
        _stops = [.. stops.Where(stop => stop.Length > 0).Select(Encoding.UTF8.GetBytes)];
    }

    /// <summary>Bytes up to the end of each token.</summary>
    public IReadOnlyList<int> Ends => _ends;

    public override string ToString() => Encoding.UTF8.GetString([.. _bytes]);

    /// <summary>Adds a token; true when a stop text is reached, which is then cut off.</summary>
    public bool Add(int id)
    {
        var before = _bytes.Count;
        _bytes.AddRange(_vocabulary.Bytes(id));
        var end = FindStop(before);
        if (end >= 0)
        {
            _bytes.RemoveRange(end, _bytes.Count - end);
            for (var i = 0; i < _ends.Count; i++) _ends[i] = Math.Min(_ends[i], end);
        }

        _ends.Add(_bytes.Count);
        return end >= 0;
    }

    /// <summary>Adds a token without text.</summary>
    public void AddStop() => _ends.Add(_bytes.Count);

    /// <summary>The text that no later token can change, from where the last call ended.</summary>
    public string TakeCertain()
    {
        var end = _bytes.Count;
        foreach (var stop in _stops) end = Math.Min(end, _bytes.Count - BeginningAtEnd(stop));
        return Take(WholeCharacters(end));
    }

    /// <summary>All that is left, when nothing more comes.</summary>
    public string TakeRest() => Take(_bytes.Count);

    private string Take(int end)
    {
        if (end <= _given) return "";
        var text = Encoding.UTF8.GetString([.. _bytes[_given..end]]);
        _given = end;
        return text;
    }

    /// <summary>The first place where a stop text lies that ends after <paramref name="before"/>, or -1.</summary>
    private int FindStop(int before)
    {
        var first = -1;
        var bytes = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes);
        foreach (var stop in _stops)
        {
            var from = Math.Max(0, before - stop.Length + 1);
            var at = bytes[from..].IndexOf(stop);
            if (at >= 0 && (first < 0 || from + at < first)) first = from + at;
        }

        return first;
    }

    /// <summary>The longest beginning of a stop text that the text ends with.</summary>
    private int BeginningAtEnd(byte[] stop)
    {
        var bytes = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes);
        for (var length = Math.Min(stop.Length - 1, bytes.Length); length > 0; length--)
        {
            if (bytes[^length..].SequenceEqual(stop.AsSpan(0, length))) return length;
        }

        return 0;
    }

    /// <summary>The end without a character that is not whole yet (at most three bytes).</summary>
    private int WholeCharacters(int end)
    {
        for (var back = 1; back <= 3 && end - back >= _given; back++)
        {
            var value = _bytes[end - back];
            if ((value & 0xC0) == 0x80) continue;
            var length = value < 0xC0 ? 1 : value < 0xE0 ? 2 : value < 0xF0 ? 3 : 4;
            return length > back ? end - back : end;
        }

        return end;
    }
}
