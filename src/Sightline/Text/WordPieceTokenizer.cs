using System.Text;
using Sightline.Text.Normalization;

namespace Sightline.Text;

/// <summary>
/// BERT's tokenizer: basic splitting at whitespace and punctuation, then WordPiece, the longest piece first
/// (Schuster and Nakajima 2012; Devlin et al. 2018; google-research/bert, tokenization.py).
/// </summary>
public sealed class WordPieceTokenizer : Tokenizer
{
    private readonly WordPieceVocabulary _vocabulary;
    private readonly BertNormalizer _normalizer;
    private readonly WordCache _cache = new();
    private readonly bool _cleanUp;
    private readonly int _size;

    internal WordPieceTokenizer(WordPieceVocabulary vocabulary, BertNormalizer normalizer, bool cleanUp, TokenizerSettings settings)
        : base(settings)
    {
        _vocabulary = vocabulary;
        _normalizer = normalizer;
        _cleanUp = cleanUp;
        _size = Math.Max(vocabulary.Size, settings.AddedTokens.Select(t => t.Id + 1).DefaultIfEmpty().Max());
    }

    /// <inheritdoc/>
    public override int VocabularySize => _size;

    /// <summary>
    /// A tokenizer from BERT's <c>vocab.txt</c> alone: one token a line, the line number is the id, with [PAD], [UNK],
    /// [CLS], [SEP] and [MASK] among them.
    /// </summary>
    /// <param name="path">The vocabulary file.</param>
    /// <param name="lowercase">Whether the vocabulary is an uncased one.</param>
    /// <param name="stripAccents">Whether accents are taken off; null: as <paramref name="lowercase"/>.</param>
    /// <exception cref="SightlineException">NotFound or BadModel, with the line.</exception>
    public static WordPieceTokenizer FromVocabulary(string path, bool lowercase = true, bool? stripAccents = null) =>
        WordPieceVocabulary.Tokenizer(path, new BertNormalizer(Lowercase: lowercase, StripAccents: stripAccents), []);

    /// <inheritdoc/>
    public override string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        var text = new StringBuilder();
        var first = true;
        foreach (var id in ids)
        {
            if (FindToken(id) is not { } token || (skipSpecialTokens && SpecialTokens.All.Contains(id))) continue;
            if (!first)
            {
                token = token.StartsWith(_vocabulary.Prefix, StringComparison.Ordinal) ? token[_vocabulary.Prefix.Length..] : " " + token;
            }

            text.Append(_cleanUp ? CleanUp(token) : token);
            first = false;
        }

        return text.ToString();
    }

    /// <summary>Writes <c>vocab.txt</c> and <c>tokenizer_config.json</c>, or copies the files it was read from.</summary>
    public override void Save(string folder)
    {
        base.Save(folder);
        if (SourceFiles.Any(f => Path.GetFileName(f) is "tokenizer.json" or "tokenizer_config.json")) return;
        TokenizerFolder.WriteBertFiles(folder, _vocabulary, _normalizer);
    }

    private protected override int? FindVocabularyId(string token) => _vocabulary.Find(token);

    private protected override string? FindVocabularyToken(int id) => _vocabulary.Token(id);

    private protected override bool Normalize(ReadOnlySpan<char> text, int origin, EncodeScratch scratch)
    {
        _normalizer.Apply(text, origin, scratch);
        return true;
    }

    private protected override bool NextWord(ReadOnlySpan<char> text, ref int start, ref int end, ref int state)
    {
        const int Breaks = CharacterClasses.Space | CharacterClasses.Punctuation;
        while (start < text.Length)
        {
            var kind = CharacterClasses.At(text, start, out var length);
            end = start + length;
            if ((kind & CharacterClasses.Space) != 0)
            {
                start = end;
                continue;
            }

            if ((kind & CharacterClasses.Punctuation) != 0) return true;
            while (end < text.Length)
            {
                kind = CharacterClasses.At(text, end, out length);
                if ((kind & Breaks) != 0) break;
                end += length;
            }

            return true;
        }

        return false;
    }

    private protected override void EncodeWord(ReadOnlySpan<char> word, List<int> ids, List<(int Start, int End)>? spans)
    {
        if (spans is not null)
        {
            _vocabulary.Encode(word, ids, spans);
            return;
        }

        if (_cache.TryAppend(word, ids)) return;
        var from = ids.Count;
        _vocabulary.Encode(word, ids, null);
        _cache.Remember(word, ids, from);
    }

    // The reference's clean-up of spaces before punctuation and short forms, token by token.
    private static string CleanUp(string token)
    {
        if (token.AsSpan().IndexOfAny(".?!,'") < 0 && !token.Contains(" do not", StringComparison.Ordinal)) return token;
        return token.Replace(" .", ".").Replace(" ?", "?").Replace(" !", "!").Replace(" ,", ",").Replace(" ' ", "'")
            .Replace(" n't", "n't").Replace(" 'm", "'m").Replace(" do not", " don't")
            .Replace(" 's", "'s").Replace(" 've", "'ve").Replace(" 're", "'re");
    }
}
