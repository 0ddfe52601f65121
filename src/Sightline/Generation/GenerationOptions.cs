using Sightline.Tensors;

namespace Sightline.Generation;

/// <summary>How much a <see cref="GenerationEngine"/> takes on at once. No setting changes any answer.</summary>
public sealed record GenerationOptions
{
    /// <summary>Tokens whose keys and values fit into the cache, over all sequences; rounded up to pages. Reserved at once, used as it fills.</summary>
    public int CacheTokens { get; init; } = 8192;

    /// <summary>Most sequences that advance together.</summary>
    public int MaxSequences { get; init; } = 64;

    /// <summary>Most prompt tokens that one step takes in, so that long prompts do not hold up running answers for long.</summary>
    public int PromptTokensPerStep { get; init; } = 504;

    /// <summary>Encoded pictures that are kept for prompts to come.</summary>
    public int KeptPictures { get; init; } = 4;

    /// <summary>Whether results say how undecided the model was at each token (<see cref="GenerationResult.Entropies"/>): one more pass over the scores.</summary>
    public bool MeasuresEntropy { get; init; }

    /// <summary>Element type of the cache: float32, or bfloat16 at half the memory with rounded keys and values (which does change answers a little).</summary>
    public DType CacheType { get; init; } = DType.Float32;
}
