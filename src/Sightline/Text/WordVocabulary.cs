using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sightline.Text;

/// <summary>
/// A small byte-level vocabulary for a model with a narrow purpose: each listed word and number is one token, everything else is spelled in bytes. Written as a
/// <c>tokenizer.json</c> that the tokenizers library reads: a BPE model without merges, in which a word of the vocabulary is taken as a whole (<c>ignore_merges</c>).
/// </summary>
public sealed class WordVocabulary
{
    /// <summary>The special tokens of Qwen2-VL, in the order of their ids.</summary>
    public static IReadOnlyList<string> QwenTokens { get; } =
    [
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
        "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
    ];

    /// <summary>Of the coordinates that Qwen2-VL speaks.</summary>
    public const int LargestNumber = 1000;

    private const int Bytes = 256;
    private static readonly JsonWriterOptions s_readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly List<string> _words = [];
    private readonly int _numberStep;

    /// <summary>Collects the tokens.</summary>
    /// <param name="words">Words, each of which is a token with a space before it and without; doubles count once.</param>
    /// <param name="numberStep">Numbers 0..1000 in such steps are tokens; others are digits.</param>
    public WordVocabulary(IEnumerable<string> words, int numberStep)
    {
        ArgumentNullException.ThrowIfNull(words);
        if (numberStep is < 1 or > LargestNumber) throw new SightlineException(ErrorKind.Usage, $"numbers come in steps of 1 to {LargestNumber}, not {numberStep}");
        _numberStep = numberStep;
        var known = new HashSet<string>(StringComparer.Ordinal);
        // what stands between the numbers of a box
        foreach (var piece in (ReadOnlySpan<string>)["),(", "),", ").", " ("]) Add(piece, known);
        foreach (var word in words.Where(word => word.Length > 0 && word.All(char.IsAsciiLetter)))
        {
            Add(word, known);
            Add(" " + word, known);
        }

        for (var number = 0; number <= LargestNumber; number += numberStep) Add(number.ToString(CultureInfo.InvariantCulture), known);
    }

    /// <summary>Tokens, special ones included.</summary>
    public int Size => Bytes + _words.Count + QwenTokens.Count;

    /// <summary>The tokens that are numbers, with their values.</summary>
    public IEnumerable<(int Id, int Value)> Numbers
    {
        get
        {
            for (var number = 0; number <= LargestNumber; number += _numberStep)
            {
                var text = number.ToString(CultureInfo.InvariantCulture);
                yield return (text.Length == 1 ? text[0] : Bytes + _words.IndexOf(text), number);
            }
        }
    }

    /// <summary>The id of a special token.</summary>
    public int SpecialId(string token) => Bytes + _words.Count + QwenTokens.ToList().IndexOf(token);

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c>.</summary>
    public void Write(string folder, int context)
    {
        WriteJson(Path.Combine(folder, "tokenizer.json"), WriteTokenizer);
        WriteJson(Path.Combine(folder, "tokenizer_config.json"), json => WriteConfig(json, context));
    }

    private static void WriteJson(string path, Action<Utf8JsonWriter> write) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, s_readable);
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    });

    private void Add(string piece, HashSet<string> known)
    {
        if (piece.Length > 1 && known.Add(piece)) _words.Add(piece); // a single byte is a token already
    }

    private void WriteTokenizer(Utf8JsonWriter json)
    {
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        foreach (var token in QwenTokens)
        {
            json.WriteStartObject();
            json.WriteNumber("id", SpecialId(token));
            WriteToken(json, token);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNull("normalizer");
        foreach (var part in (ReadOnlySpan<string>)["pre_tokenizer", "post_processor", "decoder"])
        {
            json.WriteStartObject(part);
            json.WriteString("type", "ByteLevel");
            json.WriteBoolean("add_prefix_space", false);
            json.WriteBoolean("trim_offsets", false);
            json.WriteBoolean("use_regex", part == "pre_tokenizer");
            json.WriteEndObject();
        }

        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", true);
        json.WriteStartObject("vocab");
        for (var value = 0; value < Bytes; value++) json.WriteNumber(ByteLevelAlphabet.Character((byte)value).ToString(), value);
        for (var i = 0; i < _words.Count; i++) json.WriteNumber(string.Concat(_words[i].Select(c => ByteLevelAlphabet.Character((byte)c))), Bytes + i);
        json.WriteEndObject();
        json.WriteStartArray("merges");
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteConfig(Utf8JsonWriter json, int context)
    {
        json.WriteBoolean("add_prefix_space", false);
        json.WriteStartObject("added_tokens_decoder");
        foreach (var token in QwenTokens)
        {
            json.WriteStartObject(SpecialId(token).ToString(CultureInfo.InvariantCulture));
            WriteToken(json, token);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteNull("bos_token");
        json.WriteBoolean("clean_up_tokenization_spaces", false);
        json.WriteString("eos_token", "<|im_end|>");
        json.WriteString("errors", "replace");
        json.WriteNumber("model_max_length", context);
        json.WriteString("pad_token", "<|endoftext|>");
        json.WriteString("padding_side", "left");
        json.WriteString("tokenizer_class", "Qwen2Tokenizer");
        json.WriteNull("unk_token");
    }

    private static void WriteToken(Utf8JsonWriter json, string token)
    {
        json.WriteString("content", token);
        foreach (var name in (ReadOnlySpan<string>)["single_word", "lstrip", "rstrip", "normalized"]) json.WriteBoolean(name, false);
        json.WriteBoolean("special", true);
    }
}
