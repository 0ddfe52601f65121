using System.Text;
using System.Text.Json;
using Sightline.Text.Normalization;

namespace Sightline.Text;

/// <summary>Finds, reads, copies and writes the tokenizer files of a Hugging Face folder.</summary>
internal static class TokenizerFolder
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static Tokenizer Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new SightlineException(ErrorKind.NotFound, $"{folder} is not a folder; give the folder that holds the tokenizer files");
        string? Existing(string name) => File.Exists(Path.Combine(folder, name)) ? Path.Combine(folder, name) : null;

        var config = new TokenizerConfig(Existing("tokenizer_config.json"), Existing("special_tokens_map.json"));
        string[] names = ["tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "chat_template.json", "chat_template.jinja"];
        string[] files = [.. names.Select(Existing).OfType<string>()];
        if (Existing("tokenizer.json") is { } json) return TokenizerJson.Read(json, config, files);
        if (Existing("vocab.txt") is { } vocabulary) return WordPieceVocabulary.Tokenizer(vocabulary, config.Bert, files);
        if (Existing("vocab.json") is { } ids && Existing("merges.txt") is { } merges) return BytePair(folder, ids, merges, config, files);
        throw new SightlineException(
            ErrorKind.BadModel,
            $"{folder} has no tokenizer: it needs tokenizer.json, or vocab.json with merges.txt, or vocab.txt; copy them from the model's page");
    }

    // The separate files leave out the normalization, the pattern and the template: the class name stands for them.
    private static BytePairTokenizer BytePair(string folder, string idsPath, string mergesPath, TokenizerConfig config, string[] files)
    {
        var kind = config.Class ?? throw new SightlineException(
            ErrorKind.BadModel, $"{folder} has vocab.json and merges.txt but nothing that says how words are split; add tokenizer.json, or tokenizer_config.json with its tokenizer_class");
        var clip = kind.StartsWith("CLIPTokenizer", StringComparison.Ordinal);
        if (!clip && !kind.StartsWith("Qwen2Tokenizer", StringComparison.Ordinal) && !kind.StartsWith("GPT2Tokenizer", StringComparison.Ordinal))
        {
            throw new SightlineException(
                ErrorKind.BadModel, $"{folder} needs tokenizer.json: how {kind} splits words is not known (vocab.json and merges.txt are enough for Qwen2Tokenizer, GPT2Tokenizer and CLIPTokenizer)");
        }

        using var document = ReadJson(idsPath);
        var ids = VocabularyFiles.Ids(new JsonNode(idsPath, "the vocabulary", document.RootElement));
        var table = VocabularyFiles.Merges(mergesPath, ids);
        var unknown = config.Role("unk") is { } token ? ids.GetValueOrDefault(token, -1) : -1;
        var settings = config.Settings(idsPath, [], t => ids.TryGetValue(t, out var id) ? id : null, SpecialTokenTemplate.None);
        if (clip)
        {
            if (settings.SpecialTokens is not { Begin: { } begin, End: { } end }) throw new SightlineException(ErrorKind.BadModel, $"{folder}: tokenizer_config.json must name bos_token and eos_token of {kind}, and vocab.json must hold them");
            settings = settings with { Template = SpecialTokenTemplate.Roberta(begin, end) };
        }

        NormalizationStep[] steps = clip ? [NormalizationStep.Nfc, NormalizationStep.CollapseWhitespace, NormalizationStep.Lowercase]
            : kind.StartsWith('Q') ? [NormalizationStep.Nfc] : [];
        var pattern = clip ? WordPattern.ClipWithSpecialTokens : kind.StartsWith('Q') ? WordPattern.Qwen2 : WordPattern.Gpt2;
        return new BytePairTokenizer(
            new BytePairVocabulary(ids, table, clip ? "</w>" : "", unknown, ignoreMerges: false), new TextNormalizer(steps), pattern, settings)
        {
            SourceFiles = files,
        };
    }

    /// <summary>A text file, or a clear error.</summary>
    public static string ReadText(string path)
    {
        try
        {
            return StrictUtf8.GetString(File.ReadAllBytes(path));
        }
        catch (DecoderFallbackException e)
        {
            throw new SightlineException(ErrorKind.BadModel, $"{path} is not UTF-8 text; download it again", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>A parsed JSON file whose root is an object, or a clear error.</summary>
    public static JsonDocument ReadJson(string path)
    {
        try
        {
            var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
            throw new SightlineException(ErrorKind.BadModel, $"{path} must hold a JSON object; download it again");
        }
        catch (JsonException e)
        {
            throw new SightlineException(ErrorKind.BadModel, $"{path} is damaged JSON at line {e.LineNumber + 1}; download it again", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Copies files into a folder, each through a temporary name.</summary>
    public static void Copy(IReadOnlyList<string> files, string folder) => Writing(folder, () =>
    {
        foreach (var file in files)
        {
            var target = Path.Combine(folder, Path.GetFileName(file));
            if (Path.GetFullPath(target) == Path.GetFullPath(file)) continue;
            AtomicFile.Write(target, stream => stream.Write(File.ReadAllBytes(file)));
        }
    });

    /// <summary>Writes <c>vocab.txt</c> under its published name and the options beside it.</summary>
    public static void WriteBertFiles(string folder, WordPieceVocabulary vocabulary, BertNormalizer normalizer) => Writing(folder, () =>
    {
        var text = new StringBuilder();
        for (var id = 0; id < vocabulary.Size; id++) text.Append(vocabulary.Token(id)).Append('\n');
        Replace(Path.Combine(folder, "vocab.txt"), StrictUtf8.GetBytes(text.ToString()));

        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("tokenizer_class", "BertTokenizer");
            json.WriteBoolean("do_lower_case", normalizer.Lowercase);
            if (normalizer.StripAccents is { } strip) json.WriteBoolean("strip_accents", strip);
            else json.WriteNull("strip_accents");
            json.WriteBoolean("tokenize_chinese_chars", normalizer.SeparateChinese);
            foreach (var name in (ReadOnlySpan<string>)["pad", "unk", "cls", "sep", "mask"]) json.WriteString(name + "_token", $"[{name.ToUpperInvariant()}]");
            json.WriteEndObject();
        }

        Replace(Path.Combine(folder, "tokenizer_config.json"), stream.ToArray());
    });

    private static void Replace(string path, byte[] content) => AtomicFile.Write(path, stream => stream.Write(content));

    private static void Writing(string folder, Action write)
    {
        try
        {
            Directory.CreateDirectory(folder);
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"the tokenizer cannot be written to {folder}: {e.Message}", e);
        }
    }
}
