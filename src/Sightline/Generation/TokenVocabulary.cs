using System.Buffers;
using Sightline.Text;

namespace Sightline.Generation;

/// <summary>
/// The bytes that each token adds to a text, and the tokens by their bytes. A byte-level vocabulary cuts characters anywhere, so that texts,
/// stop strings and answer grammars are followed in bytes.
/// </summary>
public sealed class TokenVocabulary
{
    private readonly byte[][] _bytes;
    private readonly bool[] _isSpecial;
    private TokenTrie? _trie;

    private TokenVocabulary(byte[][] bytes, bool[] isSpecial) => (_bytes, _isSpecial) = (bytes, isSpecial);

    /// <summary>One more than the largest id.</summary>
    public int Size => _bytes.Length;

    /// <summary>The tokens that are text, by their bytes. Built at the first use.</summary>
    internal TokenTrie Trie => LazyInitializer.EnsureInitialized(ref _trie, () => new TokenTrie(this));

    /// <summary>Of a byte-level tokenizer (Qwen2, GPT-2).</summary>
    public static TokenVocabulary Of(BytePairTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var bytes = new byte[tokenizer.VocabularySize][];
        var isSpecial = new bool[bytes.Length];
        var buffer = new ArrayBufferWriter<byte>();
        for (var id = 0; id < bytes.Length; id++)
        {
            buffer.ResetWrittenCount();
            tokenizer.AppendBytes(id, buffer);
            bytes[id] = buffer.WrittenSpan.ToArray();
            isSpecial[id] = tokenizer.SpecialTokens.All.Contains(id);
        }

        return new TokenVocabulary(bytes, isSpecial);
    }

    /// <summary>What the token adds to a text; nothing for ids without a token. Special tokens add their spelling.</summary>
    public ReadOnlySpan<byte> Bytes(int id) => (uint)id < (uint)_bytes.Length ? _bytes[id] : [];

    /// <summary>Whether the token is structure rather than text: a grammar allows it only by its id.</summary>
    public bool IsSpecial(int id) => (uint)id < (uint)_bytes.Length && _isSpecial[id];
}
