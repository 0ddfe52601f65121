namespace Sightline.Generation;

/// <summary>A prompt and how it is to be continued.</summary>
public sealed record GenerationRequest
{
    /// <summary>The prompt's tokens, [T], with one image token for each row of its pictures.</summary>
    public required ReadOnlyMemory<int> Prompt { get; init; }

    /// <summary>The pictures of the prompt, in the order of their image tokens.</summary>
    public IReadOnlyList<PicturePatches> Pictures { get; init; } = [];

    /// <summary>Most tokens of the answer, a stop token included. The context may end it earlier.</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = SamplingOptions.Greedy;

    /// <summary>Tokens that end the answer; they are its last token, and no part of its text.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>Texts that end the answer where they first occur; they are no part of its text. Needs the engine's vocabulary.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>What the answer must look like, or null for anything.</summary>
    public Constraints.AnswerConstraint? Constraint { get; init; }

    /// <summary>Ends the answer within one token, or within one layer of the image encoder.</summary>
    public CancellationToken Cancellation { get; init; }
}
