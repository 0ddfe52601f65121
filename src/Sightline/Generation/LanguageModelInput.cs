using Sightline.Tensors.Ops;

namespace Sightline.Generation;

/// <summary>The tokens of one step: parts of prompts, single sampled tokens, or both, of any number of sequences, one after another.</summary>
public sealed record LanguageModelInput
{
    /// <summary>Token ids, [T]. The ids of image tokens are there but not looked at.</summary>
    public required ReadOnlyMemory<int> Ids { get; init; }

    /// <summary>Time, row and column of each token, [3, T]; equal for text. From <see cref="PromptLayout.Positions"/>, then <see cref="PromptLayout.PositionOf"/>.</summary>
    public required ReadOnlyMemory<long> Positions { get; init; }

    /// <summary>
    /// Which queries (tokens of this step, 0..T-1) see which keys: slots of the cache, or, without one, tokens. For a sequence of S tokens of which
    /// the last n are in this step, at consecutive slots from k: <c>new AttentionSpan(query, n, k, S, Causal: true)</c>.
    /// </summary>
    public required AttentionLayout Layout { get; init; }

    /// <summary>Where in the cache the keys and values of each token go, [T]; empty without a cache.</summary>
    public ReadOnlyMemory<int> Slots { get; init; }

    /// <summary>The tokens that stand for picture rows. Every image token of the step must be in one run.</summary>
    public IReadOnlyList<PictureRun> Pictures { get; init; } = [];
}

/// <summary>Consecutive tokens of a step that stand for consecutive rows of a picture.</summary>
/// <param name="Token">First token, counted in the step.</param>
/// <param name="Features">The picture.</param>
/// <param name="Row">First row of the picture.</param>
/// <param name="Count">How many.</param>
public readonly record struct PictureRun(int Token, PictureFeatures Features, int Row, int Count);
