using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Bert;

/// <summary>
/// BERT (Devlin et al. 2019): a bidirectional transformer with norms after each residual addition. Parameter paths are those of
/// Hugging Face's <c>BertModel</c>.
/// <para>T tokens of packed texts, C channels.</para>
/// </summary>
public sealed class BertModel
{
    private readonly Embedding _words;
    private readonly Embedding _positions;
    private readonly Embedding _segments;
    private readonly LayerNorm _norm;
    private readonly BertLayer[] _layers;
    private readonly Linear? _pooler;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public BertModel(BertConfig config, ParameterScope scope, bool pooler = true)
    {
        ArgumentNullException.ThrowIfNull(config);
        var embeddings = scope / "embeddings";
        _words = new Embedding(embeddings / "word_embeddings", config.VocabSize, config.HiddenSize, config.PadTokenId);
        _positions = new Embedding(embeddings / "position_embeddings", config.MaxPositionEmbeddings, config.HiddenSize);
        _segments = new Embedding(embeddings / "token_type_embeddings", config.TypeVocabSize, config.HiddenSize);
        _norm = new LayerNorm(embeddings / "LayerNorm", config.HiddenSize, config.LayerNormEps);
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new BertLayer(scope / "encoder" / "layer" / i, config))];
        _pooler = pooler ? new Linear(scope / "pooler" / "dense", config.HiddenSize, config.HiddenSize) : null;
    }

    /// <summary>Loads a folder of <c>model_type</c> "bert"; heads of pre-training are left out, a missing pooler too.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: another architecture, or weights that do not fit.</exception>
    public static PublishedModel<BertModel> Load(string path)
    {
        using var folder = PublishedFolder.Open(path, BertConfig.ModelType);
        var config = BertConfig.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Load(folder, Rename, (scope, has) => new BertModel(config, scope, pooler: has("pooler.dense.weight")));
    }

    /// <summary>Tokens to features, [T, C].</summary>
    /// <param name="ids">[T] (int64).</param>
    /// <param name="places">Place of each token in its text, [T] (int64).</param>
    /// <param name="segments">Segment of each token, [T] (int64); null: all 0.</param>
    /// <param name="layout">Who sees whom: <c>AttentionLayout.Packed(lengths)</c> for packed texts, any other mask as spans.</param>
    /// <param name="hiddenStates">Receives the tokens before the first layer and after each one, [T, C].</param>
    public Tensor Forward(Tensor ids, Tensor places, Tensor? segments, AttentionLayout layout, ICollection<Tensor>? hiddenStates = null)
    {
        ArgumentNullException.ThrowIfNull(ids);
        segments ??= Tensor.Zeros(ids.Shape, DType.Int64);
        var x = Op.Add(Op.Add(_words.Forward(ids), _segments.Forward(segments)), _positions.Forward(places));
        x = _norm.Forward(x);
        hiddenStates?.Add(x);
        foreach (var layer in _layers)
        {
            x = layer.Forward(x, layout);
            hiddenStates?.Add(x);
        }

        return x;
    }

    /// <summary>First tokens of texts [P, C] to one vector each: tanh of a linear layer.</summary>
    /// <exception cref="InvalidOperationException">The model was made without a pooler.</exception>
    public Tensor Pool(Tensor firstTokens) => Op.Tanh((_pooler ?? throw new InvalidOperationException("this BERT has no pooler")).Forward(firstTokens));

    /// <summary>Files of whole models name the encoder <c>bert.</c>; the oldest ones call the norms' parameters gamma and beta.</summary>
    internal static string Rename(string name)
    {
        name = PublishedFolder.WithoutPrefix(name, "bert.");
        if (name.EndsWith("LayerNorm.gamma", StringComparison.Ordinal)) return name[..^"gamma".Length] + "weight";
        return name.EndsWith("LayerNorm.beta", StringComparison.Ordinal) ? name[..^"beta".Length] + "bias" : name;
    }

    private sealed class BertLayer
    {
        private readonly MultiHeadAttention _attention;
        private readonly LayerNorm _attentionNorm;
        private readonly FeedForward _feedForward;
        private readonly LayerNorm _norm;

        public BertLayer(ParameterScope scope, BertConfig config)
        {
            var C = config.HiddenSize;
            var self = scope / "attention" / "self";
            _attention = new MultiHeadAttention(
                new Linear(self / "query", C, C),
                new Linear(self / "key", C, C),
                new Linear(self / "value", C, C),
                new Linear(scope / "attention" / "output" / "dense", C, C),
                C,
                config.NumAttentionHeads);
            _attentionNorm = new LayerNorm(scope / "attention" / "output" / "LayerNorm", C, config.LayerNormEps);
            _feedForward = new FeedForward(
                new Linear(scope / "intermediate" / "dense", C, config.IntermediateSize), new Linear(scope / "output" / "dense", config.IntermediateSize, C), Activations.Parse(config.HiddenAct));
            _norm = new LayerNorm(scope / "output" / "LayerNorm", C, config.LayerNormEps);
        }

        public Tensor Forward(Tensor x, AttentionLayout layout)
        {
            x = _attentionNorm.Forward(Op.Add(x, _attention.Forward(x, x, layout)));
            return _norm.Forward(Op.Add(x, _feedForward.Forward(x)));
        }
    }
}
