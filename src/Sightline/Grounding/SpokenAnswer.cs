using Sightline.Generation;
using Sightline.Text.Answers;

namespace Sightline.Grounding;

/// <summary>What a vision-language model said, and how it was understood.</summary>
/// <param name="Status">What the answer turned out to be.</param>
/// <param name="Text">The answer without the thinking.</param>
public sealed record SpokenAnswer(AnswerStatus Status, string Text)
{
    /// <summary>What is wrong with it, in one sentence; null where nothing is.</summary>
    public string? Problem { get; init; }

    /// <summary>What the model thought first, or null.</summary>
    public string? Thinking { get; init; }

    /// <summary>Name and version of the prompt's template, as <c>visual-rft/detection@1</c>.</summary>
    public required string Prompt { get; init; }

    /// <summary>Everything as it was generated, tags and all.</summary>
    public required string Raw { get; init; }

    /// <summary>Why the answer ended.</summary>
    public required FinishReason Reason { get; init; }

    /// <summary>Tokens of the prompt, pictures included.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Tokens of the answer.</summary>
    public required int Tokens { get; init; }

    /// <summary>Whether something was understood: boxes, points, a name, or that nothing is there.</summary>
    public bool IsUnderstood { get; init; }
}
