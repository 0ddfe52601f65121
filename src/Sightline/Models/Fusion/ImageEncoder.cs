using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>
/// Pixels to features at stride 8 (convolutions) and tokens at stride 16 (a vision transformer on a convolutional stem: Xiao et al.
/// 2021, "Early convolutions help transformers see better"). With a published encoder the tokens come from there.
/// </summary>
internal sealed class ImageEncoder
{
    private readonly FusionConfig _config;
    private readonly Conv2d[] _stem = new Conv2d[3];
    private readonly LayerNorm[] _stemNorms = new LayerNorm[3];
    private readonly LocalLayer[] _local;
    private readonly ImageBackbone? _published;
    private readonly Conv2d? _patches;
    private readonly LayerNorm? _patchNorm;
    private readonly Linear _position;
    private readonly TransformerLayer[] _layers;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public ImageEncoder(ParameterScope scope, FusionConfig config)
    {
        _config = config;
        var inputs = 3;
        for (var i = 0; i < 3; i++)
        {
            var stage = scope / "stem" / i;
            _stem[i] = new Conv2d(stage / "conv", inputs, config.StemChannels[i], kernel: 3, stride: 2);
            _stemNorms[i] = new LayerNorm(stage / "norm", config.StemChannels[i]);
            inputs = config.StemChannels[i];
        }

        _local = [.. Enumerable.Range(0, config.LocalLayers).Select(i => new LocalLayer(scope / "local" / i, inputs))];
        if (config.ImageEncoder is { } published)
        {
            _published = new ImageBackbone(scope, published, config);
        }
        else
        {
            _patches = new Conv2d(scope / "patches", inputs, config.HiddenSize, kernel: 3, stride: 2);
            _patchNorm = new LayerNorm(scope / "patch_norm", config.HiddenSize);
        }

        _position = new Linear(scope / "position", PositionFeatures.Channels, config.HiddenSize);
        _layers = [.. Enumerable.Range(0, config.ImageLayers).Select(i => new TransformerLayer(scope / "layers" / i, config))];
    }

    /// <summary>
    /// pixels [B, S, S, 3] and position features [B·N, F] to fine features [B, S/8, S/8, Cf], tokens [B·N, C] and
    /// position embeddings [B·N, C], N = (S/16)².
    /// </summary>
    public (Tensor Fine, Tensor Tokens, Tensor Positions) Forward(Tensor pixels, Tensor positions, AttentionLayout layout, RandomStream? random)
    {
        var x = pixels;
        for (var i = 0; i < 3; i++)
        {
            x = _stemNorms[i].Forward(_stem[i].Forward(x));
            x = Op.Gelu(x, GeluKind.Tanh);                                                // [B, S/2.., S/2.., C_i]
        }

        foreach (var layer in _local) x = layer.Forward(x);                               // [B, S/8, S/8, Cf]
        // a published encoder works in float32
        var tokens = _published is not null
            ? Op.Cast(_published.Forward(Op.Cast(pixels, DType.Float32)), x.DType)
            : _patchNorm!.Forward(Op.Reshape(_patches!.Forward(x), -1, _config.HiddenSize));  // [B·N, C]
        var places = _position.Forward(Op.Cast(positions, x.DType));                      // [B·N, C]
        tokens = Op.Add(tokens, places);
        foreach (var layer in _layers) tokens = layer.Forward(tokens, layout, random);
        return (x, tokens, places);
    }

    /// <summary>A ConvNeXt block (Liu et al. 2022): depthwise 5 x 5, norm, two pointwise layers, residual.</summary>
    private sealed class LocalLayer(ParameterScope scope, int channels)
    {
        private readonly Conv2d _depthwise = new(scope / "depthwise", channels, channels, kernel: 5, groups: channels);
        private readonly LayerNorm _norm = new(scope / "norm", channels);
        private readonly FeedForward _mlp = new(scope / "mlp", channels, channels * 2);

        public Tensor Forward(Tensor x) => Op.Add(x, _mlp.Forward(_norm.Forward(_depthwise.Forward(x))));
    }
}
