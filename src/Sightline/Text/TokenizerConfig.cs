using System.Text.Json;
using Sightline.Text.Normalization;

namespace Sightline.Text;

/// <summary>
/// What <c>tokenizer_config.json</c> (and, where it is silent, <c>special_tokens_map.json</c>) says: which class, which
/// tokens have which role, more added tokens, the side of padding. Without the file everything is empty.
/// </summary>
internal sealed class TokenizerConfig
{
    private readonly Dictionary<string, string> _roles = [];
    private readonly List<AddedToken> _added = [];
    private readonly bool _padLeft;

    /// <param name="path">tokenizer_config.json, or null.</param>
    /// <param name="mapPath">special_tokens_map.json, or null.</param>
    public TokenizerConfig(string? path, string? mapPath)
    {
        if (mapPath is not null) ReadRoles(mapPath);
        if (path is null) return;
        ReadRoles(path);
        using var document = TokenizerFolder.ReadJson(path);
        var root = new JsonNode(path, "the file", document.RootElement);
        Class = root.Optional("tokenizer_class")?.Text();
        _padLeft = root.Optional("padding_side")?.Text() == "left";
        Bert = new BertNormalizer(
            SeparateChinese: root.Optional("tokenize_chinese_chars")?.Flag() ?? true,
            StripAccents: root.Optional("strip_accents")?.Flag(),
            Lowercase: root.Optional("do_lower_case")?.Flag() ?? true);
        if (root.Optional("added_tokens_decoder") is not { } decoder) return;
        if (decoder.Element.ValueKind != JsonValueKind.Object) throw decoder.Fails("must be an object");
        foreach (var item in decoder.Element.EnumerateObject())
        {
            if (!int.TryParse(item.Name, out var id) || id is < 0 or > JsonNode.MaxId) throw decoder.Fails($"has the key \"{item.Name}\", which is not an id");
            _added.Add(AddedToken(new JsonNode(path, item.Name, item.Value), id));
        }
    }

    /// <summary>The tokenizer's class, such as Qwen2Tokenizer.</summary>
    public string? Class { get; }

    /// <summary>BERT's options.</summary>
    public BertNormalizer Bert { get; } = new();

    public AddedToken AddedToken(JsonNode node, int id) => new(
        id,
        node.Required("content").Text()!,
        node.Optional("special")?.Flag() ?? false,
        node.Optional("single_word")?.Flag() ?? false,
        node.Optional("lstrip")?.Flag() ?? false,
        node.Optional("rstrip")?.Flag() ?? false,
        node.Optional("normalized")?.Flag() ?? false);

    /// <summary>The token of a role (pad, unk, bos, eos, cls, sep, mask), or null.</summary>
    public string? Role(string name) => _roles.GetValueOrDefault(name + "_token");

    /// <summary>
    /// The settings of a tokenizer: the given added tokens, those of the config, and the role tokens, which count as
    /// special wherever they were listed.
    /// </summary>
    public TokenizerSettings Settings(string file, IReadOnlyList<AddedToken> added, Func<string, int?> find, SpecialTokenTemplate template)
    {
        var all = new Dictionary<int, AddedToken>();
        foreach (var token in added.Concat(_added))
        {
            if (!all.TryAdd(token.Id, token) && all[token.Id].Content != token.Content)
            {
                throw new SightlineException(ErrorKind.BadModel, $"{file}: the id {token.Id} is given to two added tokens, \"{all[token.Id].Content}\" and \"{token.Content}\"; use the tokenizer files of one model");
            }
        }

        var byContent = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in all.Values)
        {
            if (!byContent.TryAdd(token.Content, token.Id))
            {
                throw new SightlineException(ErrorKind.BadModel, $"{file}: the added token \"{token.Content}\" has two ids, {byContent[token.Content]} and {token.Id}; use the tokenizer files of one model");
            }
        }

        int? Id(string role) => Role(role) is { } content ? (byContent.TryGetValue(content, out var id) ? id : find(content)) : null;
        foreach (var (_, content) in _roles)
        {
            if (!byContent.ContainsKey(content) && find(content) is { } id) all[id] = new AddedToken(id, content, Special: true);
        }

        return new TokenizerSettings
        {
            AddedTokens = [.. all.Values],
            Template = template,
            PadLeft = _padLeft,
            SpecialTokens = new SpecialTokens
            {
                Pad = Id("pad"),
                Unknown = Id("unk"),
                Begin = Id("bos"),
                End = Id("eos"),
                Classification = Id("cls"),
                Separator = Id("sep"),
                Mask = Id("mask"),
            },
        };
    }

    // Roles are strings, or objects with the string as "content".
    private void ReadRoles(string path)
    {
        using var document = TokenizerFolder.ReadJson(path);
        var root = new JsonNode(path, "the file", document.RootElement);
        foreach (var name in (ReadOnlySpan<string>)["pad_token", "unk_token", "bos_token", "eos_token", "cls_token", "sep_token", "mask_token"])
        {
            if (root.Optional(name) is not { } value) continue;
            _roles[name] = (value.Element.ValueKind == JsonValueKind.Object ? value.Required("content") : value).Text()!;
        }
    }
}
