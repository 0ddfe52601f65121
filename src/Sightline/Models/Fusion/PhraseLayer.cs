using Sightline.Nn;
using Sightline.Tensors;

namespace Sightline.Models.Fusion;

/// <summary>
/// One layer of the phrase decoder: every phrase, as one vector, looks at its own words and then at the fused picture (a
/// transformer decoder with one query a phrase: Carion et al. 2020, DETR, section 3.2; text as the query: Kamath et al. 2021, MDETR). A relation takes
/// several looks: find the star, then the ring left of it, or the first from the left, then the second.
/// Phrases do not see each other.
/// </summary>
internal sealed class PhraseLayer(ParameterScope scope, FusionConfig config)
{
    private readonly LayerNorm _norm1 = new(scope / "norm1", config.HiddenSize);
    private readonly LayerNorm _norm2 = new(scope / "norm2", config.HiddenSize);
    private readonly LayerNorm _norm3 = new(scope / "norm3", config.HiddenSize);
    private readonly MultiHeadAttention _words = new(scope / "words", config.HiddenSize, config.NumAttentionHeads, outputInitializer: Initializer.Zeros);
    private readonly MultiHeadAttention _image = new(scope / "image", config.HiddenSize, config.NumAttentionHeads, outputInitializer: Initializer.Zeros);
    private readonly FeedForward _mlp = new(scope / "mlp", config.HiddenSize, config.HiddenSize * config.FeedForwardRatio);

    /// <summary>Phrases [P, C], with their words [T, C] and the tokens of their pictures [B·N, C] (both already normalised), to [P, C].</summary>
    public Tensor Forward(Tensor phrases, Tensor words, Tensor image, FusionLayouts layouts, RandomStream? random)
    {
        phrases = Residual.Add(phrases, _words.Forward(_norm1.Forward(phrases), words, layouts.PhraseFromWords), config.Dropout, random);
        phrases = Residual.Add(phrases, _image.Forward(_norm2.Forward(phrases), image, layouts.PhraseFromImage), config.Dropout, random);
        return Residual.Add(phrases, _mlp.Forward(_norm3.Forward(phrases)), config.Dropout, random);
    }
}
