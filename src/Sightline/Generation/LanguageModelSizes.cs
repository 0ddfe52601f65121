namespace Sightline.Generation;

/// <summary>Sizes of an <see cref="ILanguageModel"/>.</summary>
/// <param name="Layers">Layers, each with keys and values of its own.</param>
/// <param name="KeyHeads">Key and value heads of a layer.</param>
/// <param name="HeadSize">Channels of a head.</param>
/// <param name="Channels">Channels of a token's state.</param>
/// <param name="VocabularySize">Ids that the model scores; some at the end may have no token.</param>
/// <param name="ContextLength">Most tokens of prompt and answer together.</param>
public sealed record LanguageModelSizes(int Layers, int KeyHeads, int HeadSize, int Channels, int VocabularySize, int ContextLength);
