using Sightline.Text.Normalization;

namespace Sightline.Text;

/// <summary>The pieces of a WordPiece vocabulary and the longest-first search.</summary>
internal sealed class WordPieceVocabulary
{
    private readonly string?[] _tokens;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _starts;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _continuations;
    private readonly int _longest;
    private readonly int _unknown;
    private readonly int _maxWord;

    /// <param name="ids">Token to id.</param>
    /// <param name="unknown">The id for words that cannot be spelled.</param>
    /// <param name="prefix">What marks a piece that continues a word.</param>
    /// <param name="maxWord">Words of more code points are unknown as a whole.</param>
    public WordPieceVocabulary(Dictionary<string, int> ids, int unknown, string prefix = "##", int maxWord = 100)
    {
        _ids = ids;
        _unknown = unknown;
        _maxWord = maxWord;
        Prefix = prefix;
        _tokens = new string?[ids.Values.Max() + 1];
        var continuations = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (token, id) in ids)
        {
            _tokens[id] = token;
            _longest = Math.Max(_longest, token.Length);
            if (token.StartsWith(prefix, StringComparison.Ordinal)) continuations[token[prefix.Length..]] = id;
        }

        _starts = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _continuations = continuations.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public string Prefix { get; }

    public int Size => _tokens.Length;

    public int? Find(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    public string? Token(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    public void Encode(ReadOnlySpan<char> word, List<int> ids, List<(int Start, int End)>? spans)
    {
        var first = ids.Count;
        var firstSpan = spans?.Count ?? 0;
        if (word.Length > _maxWord && CodePoints(word) > _maxWord)
        {
            ids.Add(_unknown);
            spans?.Add((0, word.Length));
            return;
        }

        for (var start = 0; start < word.Length;)
        {
            var end = Math.Min(word.Length, start + _longest);
            var id = -1;
            for (; end > start; end--)
            {
                if ((start == 0 ? _starts : _continuations).TryGetValue(word[start..end], out id)) break;
            }

            if (end == start)
            {
                ids.RemoveRange(first, ids.Count - first);
                ids.Add(_unknown);
                spans?.RemoveRange(firstSpan, spans.Count - firstSpan);
                spans?.Add((0, word.Length));
                return;
            }

            ids.Add(id);
            spans?.Add((start, end));
            start = end;
        }
    }

    /// <summary>Reads <c>vocab.txt</c>.</summary>
    public static WordPieceTokenizer Tokenizer(string path, BertNormalizer normalizer, IReadOnlyList<string> files)
    {
        var ids = Read(path);
        int Required(string token) => ids.TryGetValue(token, out var id) ? id
            : throw new SightlineException(ErrorKind.BadModel, $"{path} has no token {token}, which a BERT vocabulary must have; is this the vocab.txt of a BERT model?");
        int? Optional(string token) => ids.TryGetValue(token, out var id) ? id : null;

        var special = new SpecialTokens
        {
            Unknown = Required("[UNK]"),
            Classification = Required("[CLS]"),
            Separator = Required("[SEP]"),
            Pad = Optional("[PAD]"),
            Mask = Optional("[MASK]"),
        };
        string[] names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
        var settings = new TokenizerSettings
        {
            SpecialTokens = special,
            Template = SpecialTokenTemplate.Bert(special.Classification.Value, special.Separator.Value),
            AddedTokens = [.. names.Where(ids.ContainsKey).Select(n => new AddedToken(ids[n], n, Special: true))],
        };
        return new WordPieceTokenizer(new WordPieceVocabulary(ids, special.Unknown.Value), normalizer, cleanUp: true, settings)
        {
            SourceFiles = files.Count > 0 ? files : [path],
        };
    }

    private static Dictionary<string, int> Read(string path)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var lines = TokenizerFolder.ReadText(path).Split('\n');
        var count = lines.Length > 0 && lines[^1].Length == 0 ? lines.Length - 1 : lines.Length;
        for (var i = 0; i < count; i++)
        {
            var token = lines[i].TrimEnd('\r');
            if (token.Contains('\0')) throw new SightlineException(ErrorKind.BadModel, $"{path} line {i + 1} holds a zero byte: this is not a vocabulary text file");
            if (!ids.TryAdd(token, i))
            {
                throw new SightlineException(ErrorKind.BadModel, $"{path} line {i + 1} repeats the token \"{token}\" of line {ids[token] + 1}; a vocabulary lists each token once");
            }
        }

        return ids;
    }

    private static int CodePoints(ReadOnlySpan<char> text)
    {
        var count = 0;
        foreach (var _ in text.EnumerateRunes()) count++;
        return count;
    }
}
