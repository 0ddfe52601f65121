using Sightline.Generation;
using Sightline.Text.Prompts;

namespace Sightline.Grounding;

/// <summary>How a vision-language model is asked. Models of other kinds take none of it but the progress.</summary>
public sealed record LanguageOptions
{
    /// <summary>The prompt template: a name of the <see cref="PromptLibrary"/>, with a version or without, or a file; null: the one for the task and the model.</summary>
    public string? Prompt { get; init; }

    /// <summary>What stands at places of the template that the phrases do not fill, such as <c>subject</c> of visual-rft/classification.</summary>
    public IReadOnlyList<(string Place, string Value)> Values { get; init; } = [];

    /// <summary>Whether the answer is held to the grammar of its template, so that it can always be read.</summary>
    public bool IsConstrained { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public int MaxTokens { get; init; } = 1024;

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = SamplingOptions.Greedy;

    /// <summary>Texts that end an answer where they first occur; they are no part of it.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>Most pixels that the model is shown, for a trade of detail against time; null: what the model's own settings say.</summary>
    public long? MaxPixels { get; init; }

    /// <summary>Is told of each token, on the thread that works.</summary>
    public IProgress<GroundingProgress>? Progress { get; init; }
}

/// <summary>One more token of one answer.</summary>
/// <param name="Question">Which of the questions of a call, from 0.</param>
/// <param name="Tokens">Tokens of its answer so far.</param>
/// <param name="Text">The text that became certain with it.</param>
public readonly record struct GroundingProgress(int Question, int Tokens, string Text);
