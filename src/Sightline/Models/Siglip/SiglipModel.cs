using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Siglip;

/// <summary>
/// SigLIP (Zhai et al. 2023): an image encoder and a text encoder compared pair by pair. Parameter paths are those of
/// Hugging Face's <c>SiglipModel</c>. The loss is the sigmoid one over <see cref="LogitScale"/> and <see cref="LogitBias"/>.
/// </summary>
public sealed class SiglipModel
{
    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public SiglipModel(SiglipConfig config, ParameterScope scope)
    {
        ArgumentNullException.ThrowIfNull(config);
        Vision = new SiglipVisionModel(config.VisionConfig, scope / "vision_model");
        Text = new SiglipTextModel(config.TextConfig, scope / "text_model");
        LogitScale = scope.Get("logit_scale", [1], Initializer.Constant(MathF.Log(10)));
        LogitBias = scope.Get("logit_bias", [1], Initializer.Constant(-10));
    }

    /// <summary>The image encoder; its pooled vector is in the shared space.</summary>
    public SiglipVisionModel Vision { get; }

    /// <summary>The text encoder; its pooled vector is in the shared space.</summary>
    public SiglipTextModel Text { get; }

    /// <summary>Logarithm of the inverse temperature, [1].</summary>
    public Tensor LogitScale { get; }

    /// <summary>Added to every logit, [1].</summary>
    public Tensor LogitBias { get; }

    /// <summary>Loads a folder of <c>model_type</c> "siglip".</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: another architecture, or weights that do not fit.</exception>
    public static PublishedModel<SiglipModel> Load(string path)
    {
        using var folder = PublishedFolder.Open(path, SiglipConfig.ModelType);
        var config = SiglipConfig.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Load(folder, null, (scope, _) => new SiglipModel(config, scope));
    }

    /// <summary>e^scale · cosine + bias of every text with every picture, [P, B].</summary>
    public Tensor LogitsPerText(Tensor images, Tensor texts)
    {
        var cosine = Op.MatMul(Op.L2Normalize(texts, 0), Op.L2Normalize(images, 0), transposeB: true);
        return Op.Add(Op.Mul(cosine, Op.Exp(LogitScale)), LogitBias);
    }
}
