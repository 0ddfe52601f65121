namespace Sightline.Text;

/// <summary>
/// Text to token ids and back, for one vocabulary. Implementations are thread-safe. <see cref="Tokenizer.Load"/> makes
/// one from a Hugging Face folder.
/// </summary>
public interface ITokenizer
{
    /// <summary>One more than the largest id, added tokens included: the rows that an embedding table needs at least.</summary>
    int VocabularySize { get; }

    /// <summary>The tokens with a meaning beyond text.</summary>
    SpecialTokens SpecialTokens { get; }

    /// <summary>
    /// Appends the ids of a text; allocates nothing once warm. Special tokens spelled out in the text are recognised.
    /// </summary>
    /// <param name="text">Any text; lone surrogates count as U+FFFD.</param>
    /// <param name="ids">Where the ids are appended.</param>
    /// <param name="addSpecialTokens">Whether the model's template is put around them ([CLS] … [SEP] for BERT).</param>
    void Encode(ReadOnlySpan<char> text, List<int> ids, bool addSpecialTokens = true);

    /// <summary>The full encoding of one text or a pair: ids, types, masks and offsets, cut and padded as asked.</summary>
    /// <exception cref="ArgumentException">The length limit does not even hold the special tokens, or padding was asked without a limit or pad token.</exception>
    TokenizedText Tokenize(string text, string? pair = null, TokenizeOptions? options = null);

    /// <summary>The text of ids; ids outside the vocabulary are skipped, broken UTF-8 becomes U+FFFD.</summary>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false);

    /// <summary>The id of a token as the vocabulary spells it, or null.</summary>
    int? FindId(string token);

    /// <summary>The vocabulary's spelling of an id, or null.</summary>
    string? FindToken(int id);
}

/// <summary>How <see cref="ITokenizer.Tokenize"/> cuts and pads.</summary>
public sealed record TokenizeOptions
{
    /// <summary>Whether the model's special tokens are put around the text.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>The most tokens, special ones included; longer texts lose their end (of a pair, the longer one first). Null: no limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Whether shorter results are filled to <see cref="MaxLength"/> with the pad token.</summary>
    public bool PadToMaxLength { get; init; }

    /// <summary>Whether padding goes before the text (language models) and not after it. Null: as the tokenizer's folder says.</summary>
    public bool? PadLeft { get; init; }
}
