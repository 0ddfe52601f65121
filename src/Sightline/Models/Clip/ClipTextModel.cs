using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Clip;

/// <summary>
/// The text encoder of CLIP: a causal transformer whose state at the end token sums up the text. Parameter paths are those of
/// Hugging Face's <c>CLIPModel</c> below <c>text_model</c>.
/// <para>T tokens of packed texts, C channels.</para>
/// </summary>
public sealed class ClipTextModel
{
    private readonly ClipTextConfig _config;
    private readonly Embedding _tokens;
    private readonly Embedding _positions;
    private readonly EncoderBlock[] _layers;
    private readonly LayerNorm _norm;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public ClipTextModel(ClipTextConfig config, ParameterScope scope)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _tokens = new Embedding(scope / "embeddings" / "token_embedding", config.VocabSize, config.HiddenSize);
        _positions = new Embedding(scope / "embeddings" / "position_embedding", config.MaxPositionEmbeddings, config.HiddenSize);
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => ContrastiveLayer.Make(
            scope / "encoder" / "layers" / i, config.HiddenSize, config.IntermediateSize, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps))];
        _norm = new LayerNorm(scope / "final_layer_norm", config.HiddenSize, config.LayerNormEps);
    }

    /// <summary>Tokens to features, [T, C].</summary>
    /// <param name="ids">[T] (int64).</param>
    /// <param name="places">Place of each token in its text, [T] (int64).</param>
    /// <param name="layout">Who sees whom: <c>AttentionLayout.Packed(lengths, causal: true)</c> for packed texts.</param>
    /// <param name="hiddenStates">Receives the tokens before the first layer and after each one, [T, C].</param>
    public Tensor Forward(Tensor ids, Tensor places, AttentionLayout layout, ICollection<Tensor>? hiddenStates = null)
    {
        var x = Op.Add(_tokens.Forward(ids), _positions.Forward(places));
        hiddenStates?.Add(x);
        foreach (var layer in _layers)
        {
            x = layer.Forward(x, layout);
            hiddenStates?.Add(x);
        }

        return _norm.Forward(x);
    }

    /// <summary>The row of the token that sums up each text: the first end token (the largest id in old files).</summary>
    /// <param name="ids">The ids of all texts, one after the other.</param>
    /// <param name="lengths">Tokens of each text.</param>
    /// <returns>[P] (int64).</returns>
    public Tensor SummaryRows(ReadOnlySpan<long> ids, ReadOnlySpan<int> lengths)
    {
        var rows = new long[lengths.Length];
        for (int p = 0, start = 0; p < rows.Length; start += lengths[p++])
        {
            var text = ids.Slice(start, lengths[p]);
            var end = _config.EosTokenId == 2 ? LargestAt(text) : Math.Max(text.IndexOf(_config.EosTokenId), 0);
            rows[p] = start + end;
        }

        return Tensor.From(rows, [rows.Length]);
    }

    private static int LargestAt(ReadOnlySpan<long> ids)
    {
        var best = 0;
        for (var i = 1; i < ids.Length; i++)
        {
            if (ids[i] > ids[best]) best = i;
        }

        return best;
    }
}
