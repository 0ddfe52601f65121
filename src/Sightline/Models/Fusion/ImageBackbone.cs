using Sightline.Models.Clip;
using Sightline.Models.Dinov2;
using Sightline.Models.Siglip;
using Sightline.Models.Vit;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>
/// A published image encoder as the source of the tokens at stride 16: pictures are resized to whole patches, patch tokens
/// projected to the shared space and, where patches are not 16 pixels wide, resized to the coarse grid. Features at stride 8, which
/// box edges need and patches of 14 or 16 pixels do not hold, still come from the model's own light stem.
/// </summary>
internal sealed class ImageBackbone
{
    private readonly FusionConfig _config;
    private readonly ImageBackboneSizes _sizes;
    private readonly Func<Tensor, VisionOutput> _backbone;
    private readonly LayerNorm _norm;
    private readonly Linear _projection;

    /// <summary>Takes its parameters below <paramref name="scope"/>: <c>backbone</c>, <c>norm</c>, <c>projection</c>.</summary>
    public ImageBackbone(ParameterScope scope, PublishedEncoder section, FusionConfig config)
    {
        _config = config;
        _sizes = SizesOf(section, FusionConfig.ImageEncoderKey);
        _backbone = Make(section, scope / "backbone");
        _norm = new LayerNorm(scope / "norm", _sizes.Channels);
        _projection = new Linear(scope / "projection", _sizes.Channels, config.HiddenSize);
    }

    /// <summary>pixels [B, S, S, 3] to tokens [B·N, C], N = (S/16)².</summary>
    public Tensor Forward(Tensor pixels)
    {
        var side = _sizes.InputSide(_config.ImageSize);
        var map = _backbone(FeatureMap.Resize(pixels, side, side, Interpolation.Bilinear)).Map();           // [B, h, h, Cb]
        var tokens = _projection.Forward(_norm.Forward(map));                                               // [B, h, h, C]
        return Op.Reshape(FeatureMap.Resize(tokens, _config.CoarseSide, _config.CoarseSide, Interpolation.Bilinear), -1, _config.HiddenSize);
    }

    /// <summary>What the rest of the model must know of an encoder; checks its configuration.</summary>
    /// <exception cref="SightlineException">BadModel: an unknown architecture or an unusable configuration.</exception>
    public static ImageBackboneSizes SizesOf(PublishedEncoder section, string where)
    {
        switch (section.ModelType)
        {
            case VitConfig.ModelType:
                var vit = VitConfig.Read(section.Config, where);
                return Sizes(vit.PatchSize, vit.HiddenSize, vit.NumHiddenLayers, vit.IntermediateSize, vit.NumChannels, where);
            case ClipVisionConfig.ModelType:
                var clip = ClipVisionConfig.Read(section.Config, where);
                return Sizes(clip.PatchSize, clip.HiddenSize, clip.NumHiddenLayers, clip.IntermediateSize, clip.NumChannels, where);
            case SiglipVisionConfig.ModelType:
                var siglip = SiglipVisionConfig.Read(section.Config, where);
                return Sizes(siglip.PatchSize, siglip.HiddenSize, siglip.NumHiddenLayers, siglip.IntermediateSize, siglip.NumChannels, where);
            case Dinov2Config.ModelType:
                var dino = Dinov2Config.Read(section.Config, where);
                return Sizes(dino.PatchSize, dino.HiddenSize, dino.NumHiddenLayers, dino.IntermediateSize, dino.NumChannels, where);
            default:
                throw new SightlineException(ErrorKind.BadModel, $"{where}: '{section.ModelType}' is no image encoder that a fusion model can use; known are vit, clip_vision_model, siglip_vision_model and dinov2");
        }
    }

    private static ImageBackboneSizes Sizes(int patch, int channels, int layers, int hidden, int pictureChannels, string where)
    {
        PublishedFolder.Require(pictureChannels == 3, where, $"num_channels must be 3, is {pictureChannels}");
        return new ImageBackboneSizes(patch, channels, layers, hidden);
    }

    private static Func<Tensor, VisionOutput> Make(PublishedEncoder section, ParameterScope scope)
    {
        const string Where = FusionConfig.ImageEncoderKey;
        switch (section.ModelType)
        {
            case VitConfig.ModelType:
                var vit = new VitModel(VitConfig.Read(section.Config, Where), scope, pooler: false);
                return pixels => vit.Forward(pixels);
            case ClipVisionConfig.ModelType:
                var clip = new ClipVisionModel(ClipVisionConfig.Read(section.Config, Where), scope, pooled: false);
                return pixels => clip.Forward(pixels);
            case SiglipVisionConfig.ModelType:
                var siglip = new SiglipVisionModel(SiglipVisionConfig.Read(section.Config, Where), scope, pooled: false);
                return pixels => siglip.Forward(pixels);
            default:
                var dino = new Dinov2Model(Dinov2Config.Read(section.Config, Where), scope);
                return pixels => dino.Forward(pixels);
        }
    }
}

/// <summary>The sizes of an image encoder.</summary>
/// <param name="PatchSize">Side of a patch in pixels.</param>
/// <param name="Channels">Channels of a token.</param>
/// <param name="Layers">Transformer layers.</param>
/// <param name="IntermediateSize">Hidden channels of the feed-forward layers.</param>
internal sealed record ImageBackboneSizes(int PatchSize, int Channels, int Layers, int IntermediateSize)
{
    /// <summary>The side nearest to a canvas that is a whole number of patches.</summary>
    public int InputSide(int canvas) => Math.Max((canvas + (PatchSize / 2)) / PatchSize, 1) * PatchSize;
}
