namespace Sightline.Generation;

/// <summary>A finished answer.</summary>
public sealed record GenerationResult
{
    /// <summary>The answer's tokens, with a stop token at the end where one came.</summary>
    public required IReadOnlyList<int> Ids { get; init; }

    /// <summary>Log-probability of each token by the model, before penalties, masks, temperature and filters.</summary>
    public required IReadOnlyList<float> LogProbabilities { get; init; }

    /// <summary>
    /// For each token the entropy in nats of what it was drawn from, softmax of the scores over the request's temperature, before penalties, masks and filters. Empty without
    /// <see cref="GenerationOptions.MeasuresEntropy"/>.
    /// </summary>
    public IReadOnlyList<float> Entropies { get; init; } = [];

    /// <summary>The answer without stop token and stop text; empty where the engine has no vocabulary.</summary>
    public string Text { get; init; } = "";

    /// <summary>For each token, how many bytes of the answer's UTF-8 text there are up to its end; tokens of a stop add nothing. Empty without a vocabulary.</summary>
    public IReadOnlyList<int> TextEnds { get; init; } = [];

    /// <summary>Why it ended.</summary>
    public required FinishReason Reason { get; init; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Tokens of the prompt whose keys and values were there already, from another request.</summary>
    public int SharedPromptTokens { get; init; }
}
