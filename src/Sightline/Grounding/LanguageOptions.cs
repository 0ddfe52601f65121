using Sightline.Generation;
using Sightline.Imaging;
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

    /// <summary>Pictures that are shown before the one that is asked about, such as an example of what to look for. The boxes are of the last one.</summary>
    public IReadOnlyList<Picture> Context { get; init; } = [];

    /// <summary>
    /// Whether pictures are numbered in the prompt ("Picture 1: "), as the model's chat template does it, so that the question can name them. In a
    /// conversation the boxes of an answer are in the picture whose number it says before them, or in their label.
    /// </summary>
    public bool NumberPictures { get; init; }

    /// <summary>In a conversation of several pictures: which one the boxes of the answer are in, from 0; null: the one that the answer names.</summary>
    public int? AnsweredPicture { get; init; }

    /// <summary>Is told of each token, on the thread that works.</summary>
    public IProgress<GroundingProgress>? Progress { get; init; }
}

/// <summary>One more token of one answer.</summary>
/// <param name="Question">Which of the questions of a call, from 0.</param>
/// <param name="Tokens">Tokens of its answer so far.</param>
/// <param name="Text">The text that became certain with it.</param>
public readonly record struct GroundingProgress(int Question, int Tokens, string Text);
