using Sightline.Text.Normalization;

namespace Sightline.Text;

/// <summary>
/// Reads <c>tokenizer.json</c>, the one-file form of the Hugging Face tokenizers library: byte-level BPE and WordPiece
/// with the steps that published vision-language models use. What it does not know is an error, never a guess.
/// </summary>
internal static class TokenizerJson
{
    public static Tokenizer Read(string path, TokenizerConfig config, IReadOnlyList<string> files)
    {
        using var document = TokenizerFolder.ReadJson(path);
        var root = new JsonNode(path, "the file", document.RootElement);
        var model = root.Required("model");
        var type = model.Optional("type")?.Text()
            ?? (model.Optional("merges") is not null ? "BPE" : throw model.Fails("has no \"type\""));
        return type switch
        {
            "BPE" => BytePair(root, model, config, files),
            "WordPiece" => WordPiece(root, model, config, files),
            _ => throw model.Fails($"is of type {type}, which is not supported (BPE and WordPiece are)"),
        };
    }

    private static BytePairTokenizer BytePair(JsonNode root, JsonNode model, TokenizerConfig config, IReadOnlyList<string> files)
    {
        if (model.Optional("byte_fallback")?.Flag() == true) throw model.Fails("uses byte_fallback, which is not supported");
        if (model.Optional("continuing_subword_prefix")?.Text() is { Length: > 0 }) throw model.Fails("uses continuing_subword_prefix, which is not supported");
        if (model.Optional("dropout") is { } dropout && dropout.Number() != 0) throw model.Fails("uses dropout, which does not belong in inference");
        if (root.Optional("decoder") is { } decoder && decoder.Required("type").Text() != "ByteLevel") throw decoder.Fails("is not ByteLevel, the only one supported for BPE");

        var ids = VocabularyFiles.Ids(model.Required("vocab"));
        var merges = VocabularyFiles.Merges(model.Required("merges"), ids);
        var unknown = model.Optional("unk_token")?.Text() is { } token ? ids.GetValueOrDefault(token, -1) : -1;
        var vocabulary = new BytePairVocabulary(
            ids, merges, model.Optional("end_of_word_suffix")?.Text() ?? "", unknown, model.Optional("ignore_merges")?.Flag() ?? false);
        var pattern = Pattern(root.Optional("pre_tokenizer") ?? throw root.Fails("has no pre_tokenizer, so words cannot be split as in training"));
        var normalizer = new TextNormalizer(root.Optional("normalizer") is { } n ? [.. Steps(n, 0)] : []);
        return new BytePairTokenizer(vocabulary, normalizer, pattern, Settings(root, config, t => ids.TryGetValue(t, out var id) ? id : null))
        {
            SourceFiles = files,
        };
    }

    private static WordPieceTokenizer WordPiece(JsonNode root, JsonNode model, TokenizerConfig config, IReadOnlyList<string> files)
    {
        var ids = VocabularyFiles.Ids(model.Required("vocab"));
        var unknownToken = model.Optional("unk_token")?.Text() ?? "[UNK]";
        if (!ids.TryGetValue(unknownToken, out var unknown)) throw model.Fails($"names the unknown token {unknownToken}, which its vocabulary lacks");
        var vocabulary = new WordPieceVocabulary(
            ids, unknown, model.Optional("continuing_subword_prefix")?.Text() ?? "##", (int)(model.Optional("max_input_chars_per_word")?.Number() ?? 100));
        if (root.Optional("pre_tokenizer") is not { } pre || pre.Required("type").Text() != "BertPreTokenizer") throw root.Fails("pairs WordPiece with a pre_tokenizer other than BertPreTokenizer, which is not supported");
        if (root.Optional("normalizer") is not { } normalizer || normalizer.Required("type").Text() != "BertNormalizer") throw root.Fails("pairs WordPiece with a normalizer other than BertNormalizer, which is not supported");
        var cleanUp = true;
        if (root.Optional("decoder") is { } decoder)
        {
            if (decoder.Required("type").Text() != "WordPiece") throw decoder.Fails("is not WordPiece, the only one supported for WordPiece models");
            cleanUp = decoder.Optional("cleanup")?.Flag() ?? true;
        }

        var bert = new BertNormalizer(
            normalizer.Optional("clean_text")?.Flag() ?? true,
            normalizer.Optional("handle_chinese_chars")?.Flag() ?? true,
            normalizer.Optional("strip_accents")?.Flag(),
            normalizer.Optional("lowercase")?.Flag() ?? true);
        var settings = Settings(root, config, t => ids.TryGetValue(t, out var id) ? id : null);
        if (settings.SpecialTokens.Unknown is null) settings = settings with { SpecialTokens = settings.SpecialTokens with { Unknown = unknown } };
        return new WordPieceTokenizer(vocabulary, bert, cleanUp, settings) { SourceFiles = files };
    }

    private static TokenizerSettings Settings(JsonNode root, TokenizerConfig config, Func<string, int?> find)
    {
        var added = new List<AddedToken>();
        if (root.Optional("added_tokens") is { } list)
        {
            foreach (var item in list.Items())
            {
                added.Add(config.AddedToken(item, item.Required("id").Id()));
            }
        }

        if (root.Optional("post_processor") is not { } post) return config.Settings(root.File, added, find, SpecialTokenTemplate.None);
        return config.Settings(root.File, added, find, Template(post)) with { TrimOffsets = Trims(post) };
    }

    private static List<NormalizationStep> Steps(JsonNode node, int depth)
    {
        if (depth > 8) throw node.Fails("nests sequences too deep");
        var type = node.Required("type").Text();
        switch (type)
        {
            case "NFC": return [NormalizationStep.Nfc];
            case "NFD": return [NormalizationStep.Nfd];
            case "Lowercase": return [NormalizationStep.Lowercase];
            case "Sequence": return [.. node.Required("normalizers").Items().SelectMany(n => Steps(n, depth + 1))];
            case "Replace" when node.Required("pattern").Optional("Regex")?.Text() == @"\s+" && node.Required("content").Text() == " ":
                return [NormalizationStep.CollapseWhitespace];
            default: throw node.Fails($"is of type {type}, which is not supported for BPE (NFC, NFD, Lowercase, Replace of \\s+ by a space, and Sequence are)");
        }
    }

    // ByteLevel alone (GPT-2), or Split by a known expression and then ByteLevel.
    private static WordPattern Pattern(JsonNode node)
    {
        var type = node.Required("type").Text();
        if (type == "ByteLevel") return ByteLevelRegex(node) ? WordPattern.Gpt2 : throw node.Fails("is ByteLevel without a pattern, which is not supported");
        var steps = type == "Sequence" ? node.Required("pretokenizers").Items().ToList() : throw node.Fails($"is of type {type}, which is not supported for BPE");
        if (steps.Count != 2 || steps[0].Required("type").Text() != "Split" || steps[1].Required("type").Text() != "ByteLevel")
        {
            throw node.Fails("is not Split followed by ByteLevel, the sequence that is supported");
        }

        var split = steps[0];
        var expression = split.Required("pattern").Required("Regex").Text()!;
        if (WordScanner.Find(expression) is not { } pattern) throw split.Fails($"splits by the unknown expression {expression}");
        var clip = pattern >= WordPattern.Clip;
        var (behavior, invert) = (split.Required("behavior").Text(), split.Optional("invert")?.Flag() ?? false);
        if (clip ? behavior != "Removed" || !invert : behavior != "Isolated") throw split.Fails($"uses behavior {behavior}, invert {invert} with this expression, which is not supported");
        if (ByteLevelRegex(steps[1]) != clip) throw steps[1].Fails($"has use_regex {!clip} with this expression, which is not supported");
        return pattern;
    }

    private static bool ByteLevelRegex(JsonNode node) => node.Optional("add_prefix_space")?.Flag() == true
        ? throw node.Fails("sets add_prefix_space, which is not supported")
        : node.Optional("use_regex")?.Flag() ?? true;

    private static SpecialTokenTemplate Template(JsonNode node)
    {
        var type = node.Required("type").Text();
        switch (type)
        {
            case "ByteLevel":
                return SpecialTokenTemplate.None;
            case "RobertaProcessing":
                return SpecialTokenTemplate.Roberta(Pair(node, "cls"), Pair(node, "sep"));
            case "BertProcessing":
                return SpecialTokenTemplate.Bert(Pair(node, "cls"), Pair(node, "sep"));
            case "TemplateProcessing":
                return new SpecialTokenTemplate(Parts(node, "single"), Parts(node, "pair"));
            case "Sequence":
                var kept = node.Required("processors").Items().Where(p => p.Required("type").Text() is not ("ByteLevel" or "Sequence")).ToList();
                return kept.Count switch
                {
                    0 => SpecialTokenTemplate.None,
                    1 => Template(kept[0]),
                    _ => throw node.Fails("chains several templates, which is not supported"),
                };
            default:
                throw node.Fails($"is of type {type}, which is not supported");
        }
    }

    // Whether offsets leave out the space that a token begins or ends with.
    private static bool Trims(JsonNode node) => node.Required("type").Text() switch
    {
        "ByteLevel" or "RobertaProcessing" => node.Optional("trim_offsets")?.Flag() ?? true,
        "Sequence" => node.Required("processors").Items().Any(p => p.Required("type").Text() is "ByteLevel" or "RobertaProcessing" && Trims(p)),
        _ => false,
    };

    private static int Pair(JsonNode node, string name)
    {
        var items = node.Required(name).Items().ToList();
        return items.Count == 2 ? items[1].Id() : throw node.Fails($"needs {name} as [token, id]");
    }

    private static TemplatePart[] Parts(JsonNode node, string name)
    {
        var parts = new List<TemplatePart>();
        foreach (var item in node.Required(name).Items())
        {
            if (item.Optional("Sequence") is { } sequence)
            {
                var second = sequence.Required("id").Text() == "B";
                if (second && name == "single") throw item.Fails("asks for a second text in the template of one");
                parts.Add(new TemplatePart(second ? 1 : 0, 0, sequence.Optional("type_id")?.Id() ?? 0));
                continue;
            }

            var special = item.Required("SpecialToken");
            var ids = node.Required("special_tokens").Required(special.Required("id").Text()!).Required("ids");
            parts.AddRange(ids.Items().Select(id => new TemplatePart(-1, id.Id(), special.Optional("type_id")?.Id() ?? 0)));
        }

        return [.. parts];
    }
}
