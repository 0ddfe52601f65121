using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>
/// Word pieces of packed phrases to token features: table, learned positions, transformer layers; or a published encoder and
/// then the layers. Words see their own phrase only.
/// </summary>
internal sealed class TextEncoder(ParameterScope scope, FusionConfig config)
{
    private readonly TextBackbone? _published = config.TextEncoder is { } published ? new TextBackbone(scope, published, config) : null;
    private readonly WordTable? _table = config.TextEncoder is null ? new WordTable(scope, config) : null;
    private readonly TransformerLayer[] _layers =
        [.. Enumerable.Range(0, config.TextLayers).Select(i => new TransformerLayer(scope / "layers" / i, config))];

    /// <summary>T words to [T, C] of an element type; the first of each phrase sums it up.</summary>
    public Tensor Forward(PhraseTokens phrases, DType type, RandomStream? random)
    {
        // a published encoder works in float32
        var x = _published is not null ? Op.Cast(_published.Forward(phrases), type) : _table!.Forward(phrases.Ids, phrases.Places, type);
        var layout = AttentionLayout.Packed(phrases.Lengths);
        foreach (var layer in _layers) x = layer.Forward(x, layout, random);
        return x;
    }

    private sealed class WordTable(ParameterScope scope, FusionConfig config)
    {
        private readonly Embedding _words = new(scope / "words", config.VocabSize, config.WordEmbeddingSize);
        private readonly Embedding _positions = new(scope / "positions", config.MaxPhraseTokens, config.HiddenSize);
        private readonly Linear _projection = new(scope / "projection", config.WordEmbeddingSize, config.HiddenSize, initializer: Initializer.FanIn(10));
        private readonly LayerNorm _norm = new(scope / "norm", config.HiddenSize);

        /// <summary>ids [T] and places within the phrase [T] to [T, C] of an element type.</summary>
        public Tensor Forward(Tensor ids, Tensor places, DType type) =>
            _norm.Forward(Op.Add(_projection.Forward(Op.Cast(_words.Forward(ids), type)), Op.Cast(_positions.Forward(places), type)));
    }
}
