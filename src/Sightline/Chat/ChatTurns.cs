using Microsoft.Extensions.AI;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Text;
using Asked = Microsoft.Extensions.AI.ChatMessage;
using Turn = Sightline.Text.ChatMessage;

namespace Sightline.Chat;

/// <summary>A conversation in Microsoft.Extensions.AI's types as this library's: turns, pictures, options.</summary>
internal sealed record ChatTurns(IReadOnlyList<Turn> Messages, IReadOnlyList<Picture> Pictures, string Question, LanguageOptions Options)
{
    /// <summary>Reads the conversation.</summary>
    /// <exception cref="SightlineException">Usage: something that no model here takes. BadPicture: a picture cannot be read.</exception>
    public static ChatTurns Of(IEnumerable<Asked> messages, ChatOptions? options, LanguageOptions basis)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (options?.Tools is { Count: > 0 }) throw Refused("tools, which these models do not call");
        if (options?.ResponseFormat is ChatResponseFormatJson) throw Refused("a JSON schema; boxes come as GroundingContent without one");
        var turns = new List<Turn>();
        var pictures = new List<Picture>();
        var question = "";
        if (!string.IsNullOrEmpty(options?.Instructions)) turns.Add(new Turn("system", options.Instructions));
        foreach (var message in messages)
        {
            var isUser = message.Role == ChatRole.User;
            ChatPart[] parts = [.. message.Contents.Select(content => Part(content, isUser, pictures)).OfType<ChatPart>()];
            if (parts.Length == 0) continue;
            turns.Add(new Turn(message.Role.Value, parts));
            if (isUser) question = message.Text;
        }

        return question.Length == 0 && pictures.Count == 0
            ? throw new SightlineException(ErrorKind.Usage, "the conversation has no message of a user: add one with a picture and words")
            : new ChatTurns(turns, pictures, question, WithOptions(basis, options));
    }

    private static ChatPart? Part(AIContent content, bool isUser, List<Picture> pictures)
    {
        switch (content)
        {
            // a user's words that spell a control token stay words
            case TextContent words:
                return ChatPart.Words(isUser ? words.Text.Replace("<|", "< |", StringComparison.Ordinal) : words.Text);
            case DataContent data when data.HasTopLevelMediaType("image"):
                pictures.Add(Picture.Decode(data.Data.Span, name: data.Name ?? $"picture {pictures.Count + 1} of the conversation"));
                return ChatPart.Image;
            case TextReasoningContent or GroundingContent or UsageContent:
                return null; // of earlier answers
            case UriContent:
                throw Refused("a picture by its address: load it and give it as DataContent");
            default:
                throw Refused($"content of the type {content.GetType().Name}: these models take text and pictures");
        }
    }

    private static LanguageOptions WithOptions(LanguageOptions basis, ChatOptions? options) => options is null ? basis : basis with
    {
        MaxTokens = options.MaxOutputTokens ?? basis.MaxTokens,
        StopTexts = options.StopSequences is { Count: > 0 } stops ? [.. stops] : basis.StopTexts,
        Sampling = basis.Sampling with
        {
            Temperature = options.Temperature ?? basis.Sampling.Temperature,
            TopP = options.TopP ?? basis.Sampling.TopP,
            TopK = options.TopK ?? basis.Sampling.TopK,
            Seed = options.Seed is { } seed ? unchecked((ulong)seed) : basis.Sampling.Seed,
        },
    };

    private static SightlineException Refused(string what) => new(ErrorKind.Usage, $"the conversation has {what}");
}
