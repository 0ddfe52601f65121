using System.Text.Json;
using Sightline.Hub;
using Sightline.Text.Templates;

namespace Sightline.Text;

/// <summary>One part of a message.</summary>
/// <param name="Type">"text", "image" or "video", as templates name them.</param>
/// <param name="Text">The words of a text part; for pictures and videos a name that templates do not print.</param>
public sealed record ChatPart(string Type, string Text)
{
    /// <summary>A picture; the template writes its placeholder tokens.</summary>
    public static ChatPart Image { get; } = new("image", "");

    /// <summary>Words.</summary>
    public static ChatPart Words(string text) => new("text", text);
}

/// <summary>A message of a conversation: who speaks, and the parts in order.</summary>
public sealed record ChatMessage(string Role, params IReadOnlyList<ChatPart> Parts)
{
    /// <summary>A message of words alone.</summary>
    public ChatMessage(string role, string text) : this(role, ChatPart.Words(text))
    {
    }
}

/// <summary>
/// A model's own chat template: the Jinja text that ships with the checkpoint, interpreted (not a built-in format), so
/// that prompts equal those of the reference to the last character. Supported: if, for, set, macro, namespaces, the
/// usual operators, filters, tests and methods; anything else is a clear error.
/// </summary>
public sealed class ChatTemplate
{
    private readonly IReadOnlyList<TemplateStatement> _body;
    private readonly string _source;

    private ChatTemplate(IReadOnlyList<TemplateStatement> body, string source)
    {
        _body = body;
        _source = source;
    }

    /// <summary>The file that it was read from, as messages name it.</summary>
    public string Source => _source;

    /// <summary>Reads a template; <paramref name="source"/> names it in errors.</summary>
    /// <exception cref="SightlineException">BadModel: the line and what is wrong with it.</exception>
    public static ChatTemplate Parse(string template, string source)
    {
        ArgumentNullException.ThrowIfNull(template);
        return new ChatTemplate(TemplateParser.Parse(template, source), source);
    }

    /// <summary>
    /// The template of a Hugging Face folder: <c>chat_template.jinja</c>, else <c>chat_template.json</c>, else
    /// <c>tokenizer_config.json</c>.
    /// </summary>
    /// <exception cref="SightlineException">NotFound when the folder has none, BadModel when it cannot be understood.</exception>
    public static ChatTemplate Load(string folder)
    {
        folder = HubCache.Resolve(folder);
        var jinja = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(jinja)) return Parse(TokenizerFolder.ReadText(jinja), jinja);
        foreach (var name in (ReadOnlySpan<string>)["chat_template.json", "tokenizer_config.json"])
        {
            var path = Path.Combine(folder, name);
            if (!File.Exists(path)) continue;
            using var document = TokenizerFolder.ReadJson(path);
            if (new JsonNode(path, "the file", document.RootElement).Optional("chat_template") is { } template) return Parse(Default(template), path);
        }

        throw new SightlineException(
            ErrorKind.NotFound, $"{folder} has no chat template: it needs chat_template.jinja, or chat_template in chat_template.json or tokenizer_config.json; copy it from the model's page");
    }

    /// <summary>The prompt of a conversation.</summary>
    /// <param name="messages">The messages, oldest first. A message of one text part is given to the template as a plain string.</param>
    /// <param name="addGenerationPrompt">Whether the prompt ends where the model's answer begins.</param>
    /// <param name="addVisionId">Whether pictures are numbered ("Picture 1: "), where the template knows that.</param>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true, bool addVisionId = false)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var list = messages.Select(m => (object?)new Dictionary<string, object?>
        {
            ["role"] = m.Role,
            ["content"] = m.Parts is [{ Type: "text" } only] ? only.Text : m.Parts.Select(Part).ToList(),
        }).ToList();
        return Render(list, addGenerationPrompt, addVisionId);
    }

    /// <summary>The prompt of a conversation in the JSON form that Hugging Face and OpenAI share: a list of objects with role and content.</summary>
    public string Render(JsonElement messages, bool addGenerationPrompt = true, bool addVisionId = false) =>
        Render(TemplateValues.FromJson(messages), addGenerationPrompt, addVisionId);

    private string Render(object? messages, bool addGenerationPrompt, bool addVisionId) => TemplateEvaluation.Render(
        _body,
        new Dictionary<string, object?>
        {
            ["messages"] = messages,
            ["add_generation_prompt"] = addGenerationPrompt,
            ["add_vision_id"] = addVisionId,
        },
        _source);

    private static object? Part(ChatPart part) => new Dictionary<string, object?> { ["type"] = part.Type, [part.Type] = part.Text };

    // A list of named templates is the older way to ship several.
    private static string Default(JsonNode template)
    {
        if (template.Element.ValueKind == JsonValueKind.String) return template.Text()!;
        foreach (var item in template.Items())
        {
            if (item.Required("name").Text() == "default") return item.Required("template").Text()!;
        }

        throw template.Fails("has no template named default");
    }
}
