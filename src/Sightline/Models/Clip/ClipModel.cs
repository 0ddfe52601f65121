using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Clip;

/// <summary>
/// CLIP (Radford et al. 2021): an image encoder and a text encoder with a shared space. Parameter paths are those of Hugging
/// Face's <c>CLIPModel</c>. The loss is the symmetric contrastive one over <see cref="LogitScale"/>.
/// </summary>
public sealed class ClipModel
{
    private readonly Linear _visualProjection;
    private readonly Linear _textProjection;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public ClipModel(ClipConfig config, ParameterScope scope)
    {
        ArgumentNullException.ThrowIfNull(config);
        Vision = new ClipVisionModel(config.VisionConfig, scope / "vision_model");
        Text = new ClipTextModel(config.TextConfig, scope / "text_model");
        _visualProjection = new Linear(scope / "visual_projection", config.VisionConfig.HiddenSize, config.ProjectionDim, bias: false);
        _textProjection = new Linear(scope / "text_projection", config.TextConfig.HiddenSize, config.ProjectionDim, bias: false);
        LogitScale = scope.Get("logit_scale", [], Initializer.Constant(config.LogitScaleInitValue));
    }

    /// <summary>The image encoder.</summary>
    public ClipVisionModel Vision { get; }

    /// <summary>The text encoder.</summary>
    public ClipTextModel Text { get; }

    /// <summary>Logarithm of the inverse temperature, a scalar.</summary>
    public Tensor LogitScale { get; }

    /// <summary>Loads a folder of <c>model_type</c> "clip".</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: another architecture, or weights that do not fit.</exception>
    public static PublishedModel<ClipModel> Load(string path)
    {
        using var folder = PublishedFolder.Open(path, ClipConfig.ModelType);
        var config = ClipConfig.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Load(folder, null, (scope, _) => new ClipModel(config, scope));
    }

    /// <summary>Pooled pictures [B, C] (<see cref="VisionOutput.Pooled"/>) in the shared space, [B, E].</summary>
    public Tensor ProjectImages(Tensor pooled) => _visualProjection.Forward(pooled);

    /// <summary>Summary tokens of texts [P, C] in the shared space, [P, E].</summary>
    public Tensor ProjectTexts(Tensor summaries) => _textProjection.Forward(summaries);

    /// <summary>e^scale · cosine of every text with every picture, [P, B].</summary>
    public Tensor LogitsPerText(Tensor images, Tensor texts) =>
        Op.Mul(Op.MatMul(Op.L2Normalize(texts, 0), Op.L2Normalize(images, 0), transposeB: true), Op.Exp(LogitScale));
}
