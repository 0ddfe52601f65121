using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>Word pieces of packed phrases to token features: table, learned positions, transformer layers.</summary>
internal sealed class TextEncoder(ParameterScope scope, FusionConfig config)
{
    private readonly Embedding _words = new(scope / "words", config.VocabSize, config.WordEmbeddingSize);
    private readonly Embedding _positions = new(scope / "positions", config.MaxPhraseTokens, config.HiddenSize);
    private readonly Linear _projection = new(scope / "projection", config.WordEmbeddingSize, config.HiddenSize, initializer: Initializer.FanIn(10));
    private readonly LayerNorm _norm = new(scope / "norm", config.HiddenSize);
    private readonly TransformerLayer[] _layers =
        [.. Enumerable.Range(0, config.TextLayers).Select(i => new TransformerLayer(scope / "layers" / i, config))];

    /// <summary>ids [T] and places within the phrase [T] to [T, C]. Words see their own phrase only.</summary>
    public Tensor Forward(Tensor ids, Tensor places, AttentionLayout layout, RandomStream? random)
    {
        var x = Op.Add(_projection.Forward(_words.Forward(ids)), _positions.Forward(places));
        x = _norm.Forward(x);
        foreach (var layer in _layers) x = layer.Forward(x, layout, random);
        return x;
    }
}
