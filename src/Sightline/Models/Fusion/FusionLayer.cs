using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>
/// One layer in which picture and phrases look at each other (bidirectional cross-attention in a shared space, as in GLIP,
/// Li et al. 2022, section 3.2, with pre-norm layers). Phrase side: words see their phrase, then the picture. Picture side: patches see
/// the words of all phrases asked of this picture, then each other. The patch-from-word branch starts at zero, so that
/// an untrained layer leaves the pre-trained picture side as it is.
/// </summary>
internal sealed class FusionLayer(ParameterScope scope, FusionConfig config)
{
    private readonly LayerNorm _textNorm1 = new(scope / "text" / "norm1", config.HiddenSize);
    private readonly LayerNorm _textNorm2 = new(scope / "text" / "norm2", config.HiddenSize);
    private readonly LayerNorm _textNorm3 = new(scope / "text" / "norm3", config.HiddenSize);
    private readonly LayerNorm _imageNorm = new(scope / "image" / "norm_cross", config.HiddenSize);
    private readonly LayerNorm _imageContextNorm = new(scope / "image" / "norm_context", config.HiddenSize);
    private readonly LayerNorm _textContextNorm = new(scope / "text" / "norm_context", config.HiddenSize);
    private readonly MultiHeadAttention _textSelf = new(scope / "text" / "attention", config.HiddenSize, config.NumAttentionHeads);
    private readonly MultiHeadAttention _textFromImage = new(scope / "text" / "cross_attention", config.HiddenSize, config.NumAttentionHeads);
    private readonly FeedForward _textMlp = new(scope / "text" / "mlp", config.HiddenSize, config.HiddenSize * config.FeedForwardRatio);
    private readonly MultiHeadAttention _imageFromText = new(scope / "image" / "cross_attention", config.HiddenSize, config.NumAttentionHeads, outputInitializer: Initializer.Zeros);
    private readonly TransformerLayer _image = new(scope / "image", config);

    /// <summary>
    /// image [B·N, C] and text [T, C] to the same shapes. What words see of a patch always includes where it is (positions [B·N, C]), as in
    /// DETR: "leftmost" and "left of" are read off there.
    /// </summary>
    public (Tensor Image, Tensor Text) Forward(Tensor image, Tensor text, Tensor positions, FusionLayouts layouts, RandomStream? random)
    {
        var y = _textNorm1.Forward(text);
        text = Residual.Add(text, _textSelf.Forward(y, y, layouts.TextSelf), config.Dropout, random);
        text = Residual.Add(text, _textFromImage.Forward(_textNorm2.Forward(text), Op.Add(_imageContextNorm.Forward(image), positions), layouts.TextFromImage), config.Dropout, random);
        text = Residual.Add(text, _textMlp.Forward(_textNorm3.Forward(text)), config.Dropout, random);
        image = Residual.Add(image, _imageFromText.Forward(_imageNorm.Forward(image), _textContextNorm.Forward(text), layouts.ImageFromText), config.Dropout, random);
        return (ForwardImage(image, layouts.ImageSelf, random), text);
    }

    /// <summary>The picture side alone, [B·N, C] to [B·N, C]: a layer of a vision transformer.</summary>
    public Tensor ForwardImage(Tensor image, AttentionLayout layout, RandomStream? random) => _image.Forward(image, layout, random);
}

/// <summary>Who sees whom in a batch of pictures with their phrases.</summary>
internal sealed record FusionLayouts(
    AttentionLayout ImageSelf, AttentionLayout TextSelf, AttentionLayout TextFromImage, AttentionLayout ImageFromText, AttentionLayout PhraseFromWords, AttentionLayout PhraseFromImage);
