using System.Buffers;
using System.Text;
using Sightline.Text.Normalization;

namespace Sightline.Text;

/// <summary>
/// Byte-level BPE (GPT-2, Qwen2) and CLIP's variant of it: text is normalized, split into words by a fixed pattern, and
/// each word's UTF-8 bytes are merged by rank.
/// </summary>
public sealed class BytePairTokenizer : Tokenizer
{
    private readonly BytePairVocabulary _vocabulary;
    private readonly TextNormalizer _normalizer;
    private readonly WordPattern _pattern;
    private readonly WordCache _cache = new();
    private readonly int _size;

    internal BytePairTokenizer(BytePairVocabulary vocabulary, TextNormalizer normalizer, WordPattern pattern, TokenizerSettings settings)
        : base(settings)
    {
        _vocabulary = vocabulary;
        _normalizer = normalizer;
        _pattern = pattern;
        _size = Math.Max(vocabulary.Size, settings.AddedTokens.Select(t => t.Id + 1).DefaultIfEmpty().Max());
    }

    /// <inheritdoc/>
    public override int VocabularySize => _size;

    /// <inheritdoc/>
    public override string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        var bytes = new ArrayBufferWriter<byte>(Math.Max(16, ids.Length * 4));
        foreach (var id in ids)
        {
            if (skipSpecialTokens && SpecialTokens.All.Contains(id)) continue;
            AppendBytes(id, bytes);
        }

        var text = Encoding.UTF8.GetString(bytes.WrittenSpan);
        return _vocabulary.Suffix.Length == 0 ? text : text.Replace(_vocabulary.Suffix, " ", StringComparison.Ordinal).Trim();
    }

    /// <summary>
    /// Appends the bytes that a token stands for; a token may end within a character, so a stream of tokens is decoded by
    /// collecting bytes. Ids outside the vocabulary add nothing.
    /// </summary>
    public void AppendBytes(int id, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (FindToken(id) is not { } token) return;
        var target = output.GetSpan(token.Length);
        for (var i = 0; i < token.Length; i++)
        {
            var value = ByteLevelAlphabet.Byte(token[i]);
            if (value < 0)
            {
                // not in the alphabet: an added token, spelled as it is
                var length = Encoding.UTF8.GetBytes(token, output.GetSpan(Encoding.UTF8.GetMaxByteCount(token.Length)));
                output.Advance(length);
                return;
            }

            target[i] = (byte)value;
        }

        output.Advance(token.Length);
    }

    private protected override int? FindVocabularyId(string token) => _vocabulary.Find(token);

    private protected override string? FindVocabularyToken(int id) => _vocabulary.Token(id);

    private protected override bool Normalize(ReadOnlySpan<char> text, int origin, EncodeScratch scratch) =>
        _normalizer.Apply(text, origin, scratch);

    private protected override bool NextWord(ReadOnlySpan<char> text, ref int start, ref int end, ref int state) =>
        WordScanner.Next(_pattern, text, ref start, ref end, ref state);

    private protected override void EncodeWord(ReadOnlySpan<char> word, List<int> ids, List<(int Start, int End)>? spans)
    {
        if (spans is null && _cache.TryAppend(word, ids)) return;
        var scratch = MergeScratch.OfThread;
        var most = Encoding.UTF8.GetMaxByteCount(word.Length);
        if (scratch.Bytes.Length < most) scratch.Bytes = new byte[most * 2];
        var bytes = scratch.Bytes.AsSpan(0, Encoding.UTF8.GetBytes(word, scratch.Bytes));
        var from = ids.Count;
        if (spans is null)
        {
            _vocabulary.Encode(bytes, ids, null, scratch);
            _cache.Remember(word, ids, from);
            return;
        }

        scratch.Spans.Clear();
        _vocabulary.Encode(bytes, ids, scratch.Spans, scratch);
        scratch.PlaceCharacters(bytes);
        foreach (var (start, end) in scratch.Spans) spans.Add((scratch.CharStarts[start], scratch.CharEnds[end - 1]));
    }
}
