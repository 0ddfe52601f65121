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

        if (Existing("vocab.txt") is { } vocabulary)
        {
            var configPath = Existing("tokenizer_config.json");
            return WordPieceVocabulary.Tokenizer(vocabulary, BertOptions(configPath), configPath is null ? [] : [configPath]);
        }

        throw new SightlineException(
            ErrorKind.NotFound,
            $"{folder} has no tokenizer: it needs tokenizer.json, or vocab.json with merges.txt, or vocab.txt; copy them from the model's page");
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
            File.Copy(file, target + ".part", overwrite: true);
            File.Move(target + ".part", target, overwrite: true);
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

    private static void Replace(string path, byte[] content)
    {
        File.WriteAllBytes(path + ".part", content);
        File.Move(path + ".part", path, overwrite: true);
    }

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

    private static BertNormalizer BertOptions(string? configPath)
    {
        if (configPath is null) return new BertNormalizer();
        using var document = ReadJson(configPath);
        bool? Flag(string name) => !document.RootElement.TryGetProperty(name, out var value) ? null : value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Null => null,
            _ => throw new SightlineException(ErrorKind.BadModel, $"{configPath}: {name} must be true, false or null, not {value.GetRawText()}"),
        };
        return new BertNormalizer(
            SeparateChinese: Flag("tokenize_chinese_chars") ?? true, StripAccents: Flag("strip_accents"), Lowercase: Flag("do_lower_case") ?? true);
    }
}
