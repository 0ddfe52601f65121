using System.Collections.Frozen;
using Sightline.Hub;

namespace Sightline.Text;

/// <summary>
/// What all tokenizers share: cut out added tokens, normalize, split into words, give each word to the vocabulary, put
/// special tokens around. The order and the offsets are those of the Hugging Face tokenizers library
/// (<see href="https://github.com/huggingface/tokenizers"/>).
/// </summary>
public abstract class Tokenizer : ITokenizer
{
    private readonly AddedTokens _rawTokens;
    private readonly AddedTokens? _normalizedTokens;
    private readonly FrozenDictionary<int, AddedToken> _addedById;
    private readonly FrozenDictionary<string, AddedToken> _addedByContent;
    private readonly SpecialTokenTemplate _template;
    private readonly bool _padLeft;
    private readonly bool _trimOffsets;

    private protected Tokenizer(TokenizerSettings settings)
    {
        _template = settings.Template;
        _padLeft = settings.PadLeft;
        _trimOffsets = settings.TrimOffsets;
        _rawTokens = new AddedTokens(settings.AddedTokens.Where(t => !t.Normalized));
        if (settings.AddedTokens.Any(t => t.Normalized)) _normalizedTokens = new AddedTokens(settings.AddedTokens.Where(t => t.Normalized));
        _addedById = settings.AddedTokens.ToFrozenDictionary(t => t.Id);
        _addedByContent = settings.AddedTokens.ToFrozenDictionary(t => t.Content, StringComparer.Ordinal);
        SpecialTokens = settings.SpecialTokens with
        {
            All = settings.AddedTokens.Where(t => t.Special).Select(t => t.Id).ToFrozenSet(),
        };
    }

    /// <inheritdoc/>
    public abstract int VocabularySize { get; }

    /// <inheritdoc/>
    public SpecialTokens SpecialTokens { get; }

    /// <summary>The files this tokenizer was read from; what <see cref="Save"/> copies.</summary>
    internal IReadOnlyList<string> SourceFiles { get; init; } = [];

    /// <summary>
    /// Reads a tokenizer from a Hugging Face folder: <c>tokenizer.json</c>, or <c>tokenizer_config.json</c> with
    /// <c>vocab.json</c> and <c>merges.txt</c> (Qwen2, CLIP) or <c>vocab.txt</c> (BERT).
    /// </summary>
    /// <exception cref="SightlineException">NotFound when there is no such folder, BadModel when it has no tokenizer files or one cannot be understood.</exception>
    public static Tokenizer Load(string folder) => TokenizerFolder.Load(HubCache.Resolve(folder));

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool addSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (!addSpecialTokens)
        {
            EncodeText(text, ids, null);
            return;
        }

        foreach (var part in _template.Single)
        {
            if (part.Source < 0) ids.Add(part.Id);
            else EncodeText(text, ids, null);
        }
    }

    /// <inheritdoc/>
    public TokenizedText Tokenize(string text, string? pair = null, TokenizeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        var assembly = new TokenizedTextAssembly(text, pair, options ?? new TokenizeOptions(), _template, SpecialTokens.Pad, _padLeft);
        EncodeText(text, assembly.FirstIds, assembly.FirstSpans);
        if (pair is not null) EncodeText(pair, assembly.SecondIds, assembly.SecondSpans);
        if (_trimOffsets)
        {
            Trim(assembly.FirstIds, assembly.FirstSpans);
            Trim(assembly.SecondIds, assembly.SecondSpans);
        }

        return assembly.Build();
    }

    /// <inheritdoc/>
    public abstract string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false);

    /// <inheritdoc/>
    public int? FindId(string token) => _addedByContent.TryGetValue(token, out var added) ? added.Id : FindVocabularyId(token);

    /// <inheritdoc/>
    public string? FindToken(int id) => _addedById.TryGetValue(id, out var added) ? added.Content : FindVocabularyToken(id);

    /// <summary>Writes the tokenizer's files into a folder, so that <see cref="Load"/> gives the same tokenizer.</summary>
    /// <exception cref="SightlineException">CannotWrite when a file cannot be written.</exception>
    public virtual void Save(string folder) => TokenizerFolder.Copy(SourceFiles, folder);

    private protected abstract int? FindVocabularyId(string token);

    private protected abstract string? FindVocabularyToken(int id);

    /// <summary>
    /// Normalizes a stretch of text that starts at <paramref name="origin"/> of the whole. False: it is normal as it
    /// stands; true: the result is in the scratch's Chars and Sources.
    /// </summary>
    private protected abstract bool Normalize(ReadOnlySpan<char> text, int origin, EncodeScratch scratch);

    /// <summary>Finds the next word at or after <paramref name="start"/> and moves it there; false at the end.</summary>
    private protected abstract bool NextWord(ReadOnlySpan<char> text, ref int start, ref int end, ref int state);

    /// <summary>Appends the ids of a word and, when asked, the place of each token within the word.</summary>
    private protected abstract void EncodeWord(ReadOnlySpan<char> word, List<int> ids, List<(int Start, int End)>? spans);

    // spans: where each token lies in the text, in UTF-16 units
    private void EncodeText(ReadOnlySpan<char> text, List<int> ids, List<(int Start, int End)>? spans)
    {
        var scratch = EncodeScratch.OfThread;
        var position = 0;
        while (_rawTokens.TryFind(text, position, out var start, out var end, out var token))
        {
            EncodeStretch(text, position, start, ids, spans, scratch);
            ids.Add(token.Id);
            spans?.Add((start, end));
            position = end;
        }

        EncodeStretch(text, position, text.Length, ids, spans, scratch);
    }

    private void EncodeStretch(ReadOnlySpan<char> text, int from, int to, List<int> ids, List<(int Start, int End)>? spans, EncodeScratch scratch)
    {
        if (from >= to) return;
        var changed = Normalize(text[from..to], from, scratch);
        var normal = changed ? scratch.Chars.AsSpan(0, scratch.Length) : text[from..to];
        var map = new SourceMap(text, changed ? scratch.Sources.AsSpan(0, scratch.Length) : default, from);
        if (_normalizedTokens is null)
        {
            EncodeWords(normal, 0, ids, spans, map, scratch);
            return;
        }

        var position = 0;
        while (_normalizedTokens.TryFind(normal, position, out var start, out var end, out var token))
        {
            EncodeWords(normal[position..start], position, ids, spans, map, scratch);
            ids.Add(token.Id);
            spans?.Add(map.Range(start, end));
            position = end;
        }

        EncodeWords(normal[position..], position, ids, spans, map, scratch);
    }

    private void EncodeWords(
        ReadOnlySpan<char> text, int origin, List<int> ids, List<(int Start, int End)>? spans, SourceMap map, EncodeScratch scratch)
    {
        int start = 0, end = 0, state = 0;
        while (NextWord(text, ref start, ref end, ref state))
        {
            if (spans is null)
            {
                EncodeWord(text[start..end], ids, null);
            }
            else
            {
                scratch.Spans.Clear();
                EncodeWord(text[start..end], ids, scratch.Spans);
                foreach (var (a, b) in scratch.Spans) spans.Add(map.Range(origin + start + a, origin + start + b));
            }

            start = end;
        }
    }

    private void Trim(List<int> ids, List<(int Start, int End)> spans)
    {
        var space = ByteLevelAlphabet.Character((byte)' ');
        for (var i = 0; i < ids.Count; i++)
        {
            var token = FindToken(ids[i]).AsSpan();
            var (start, end) = spans[i];
            start = Math.Min(start + token.Length - token.TrimStart(space).Length, end);
            spans[i] = (start, Math.Max(end - (token.Length - token.TrimEnd(space).Length), start));
        }
    }

    // From places in the normalized text to places in the original.
    private readonly ref struct SourceMap(ReadOnlySpan<char> original, ReadOnlySpan<int> sources, int origin)
    {
        private readonly ReadOnlySpan<char> _original = original;
        private readonly ReadOnlySpan<int> _sources = sources;

        public (int Start, int End) Range(int start, int end)
        {
            if (_sources.IsEmpty) return (origin + start, origin + end);
            if (start >= end) return (0, 0);
            var last = _sources[end - 1];
            var pair = last + 1 < _original.Length && char.IsSurrogatePair(_original[last], _original[last + 1]);
            return (_sources[start], last + (pair ? 2 : 1));
        }
    }
}

/// <summary>What a tokenizer needs besides its vocabulary.</summary>
internal sealed record TokenizerSettings
{
    public SpecialTokenTemplate Template { get; init; } = SpecialTokenTemplate.None;

    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    public SpecialTokens SpecialTokens { get; init; } = new();

    public bool PadLeft { get; init; }

    /// <summary>Whether offsets leave out the spaces at the ends of a byte-level token.</summary>
    public bool TrimOffsets { get; init; }
}
