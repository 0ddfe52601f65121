using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Siglip;

/// <summary>
/// The text encoder of SigLIP. It was trained on texts padded to a fixed length without a mask, and the state of the last position
/// sums up the text, so inputs here are padded too. Parameter paths are those of Hugging Face's <c>SiglipModel</c> below
/// <c>text_model</c>.
/// <para>P texts, L tokens each, C channels.</para>
/// </summary>
public sealed class SiglipTextModel
{
    private readonly Embedding _tokens;
    private readonly Embedding _positions;
    private readonly EncoderBlock[] _layers;
    private readonly LayerNorm _norm;
    private readonly Linear _head;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public SiglipTextModel(SiglipTextConfig config, ParameterScope scope)
    {
        ArgumentNullException.ThrowIfNull(config);
        _tokens = new Embedding(scope / "embeddings" / "token_embedding", config.VocabSize, config.HiddenSize);
        _positions = new Embedding(scope / "embeddings" / "position_embedding", config.MaxPositionEmbeddings, config.HiddenSize);
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => ContrastiveLayer.Make(
            scope / "encoder" / "layers" / i, config.HiddenSize, config.IntermediateSize, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps))];
        _norm = new LayerNorm(scope / "final_layer_norm", config.HiddenSize, config.LayerNormEps);
        _head = new Linear(scope / "head", config.HiddenSize, config.ProjectionSize ?? config.HiddenSize);
    }

    /// <summary>ids [P, L] (int64), padded, to features [P, L, C] and one vector a text [P, E].</summary>
    /// <param name="ids">The texts.</param>
    /// <param name="hiddenStates">Receives the tokens before the first layer and after each one, [P, L, C].</param>
    public (Tensor LastHiddenState, Tensor Pooled) Forward(Tensor ids, ICollection<Tensor>? hiddenStates = null)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var (P, L) = (ids.Shape[0], ids.Shape[1]);
        var places = new long[P * L];
        for (var i = 0; i < places.Length; i++) places[i] = i % L;
        var x = Op.Add(_tokens.Forward(Op.Reshape(ids, P * L)), _positions.Forward(Tensor.From(places, [P * L])));
        var C = x.Shape[1];
        hiddenStates?.Add(Op.Reshape(x, P, L, C));
        var layout = AttentionLayout.Batch(P, L, L);
        foreach (var layer in _layers)
        {
            x = layer.Forward(x, layout);
            hiddenStates?.Add(Op.Reshape(x, P, L, C));
        }

        var last = Op.Reshape(_norm.Forward(x), P, L, C);
        return (last, _head.Forward(Op.Reshape(Op.Slice(last, 1, L - 1, 1), P, C)));
    }
}
