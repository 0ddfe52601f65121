using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Clip;

/// <summary>
/// The image encoder of CLIP: a vision transformer with a norm before its layers and none after them; the pooled class token has a
/// norm of its own. Parameter paths are those of Hugging Face's <c>CLIPModel</c> below <c>vision_model</c>, its misspelt
/// <c>pre_layrnorm</c> included.
/// <para>B pictures, T = 1 + h·w tokens, C channels.</para>
/// </summary>
public sealed class ClipVisionModel
{
    private readonly ClipVisionConfig _config;
    private readonly Tensor _classToken;
    private readonly PatchEmbedding _patches;
    private readonly GridPositions _positions;
    private readonly LayerNorm _before;
    private readonly EncoderBlock[] _layers;
    private readonly LayerNorm? _after;

    /// <summary>Takes its parameters below <paramref name="scope"/>; without <paramref name="pooled"/> the norm of the class token is left out.</summary>
    public ClipVisionModel(ClipVisionConfig config, ParameterScope scope, bool pooled = true)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        var side = config.ImageSize / config.PatchSize;
        var embeddings = scope / "embeddings";
        _classToken = embeddings.Get("class_embedding", [config.HiddenSize], Initializer.TruncatedNormal());
        _patches = new PatchEmbedding(embeddings / "patch_embedding", config.NumChannels, config.HiddenSize, config.PatchSize, bias: false);
        var positions = (embeddings / "position_embedding").Get("weight", [1 + (side * side), config.HiddenSize], Initializer.TruncatedNormal());
        _positions = new GridPositions(positions, side, config.HiddenSize, tokensBefore: 1);
        _before = new LayerNorm(scope / "pre_layrnorm", config.HiddenSize, config.LayerNormEps);
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => ContrastiveLayer.Make(
            scope / "encoder" / "layers" / i, config.HiddenSize, config.IntermediateSize, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps))];
        _after = pooled ? new LayerNorm(scope / "post_layernorm", config.HiddenSize, config.LayerNormEps) : null;
    }

    /// <summary>pixels [B, H, W, 3], normalised, of any size of at least a patch. The pooled vector is [B, C], before projection.</summary>
    /// <param name="pixels">The pictures.</param>
    /// <param name="hiddenStates">Receives the tokens before the first layer and after each one, [B, T, C].</param>
    public VisionOutput Forward(Tensor pixels, ICollection<Tensor>? hiddenStates = null)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        var patches = _patches.Forward(pixels);                                           // [B, h, w, C]
        var (B, h, w, C) = (patches.Shape[0], patches.Shape[1], patches.Shape[2], _config.HiddenSize);
        var T = 1 + (h * w);
        var first = Op.Expand(Op.Reshape(_classToken, 1, 1, C), [B, 1, C]);
        var x = Op.Concat(1, first, Op.Reshape(patches, B, h * w, C));
        x = _before.Forward(Op.Add(x, _positions.Forward(h, w)));                         // [B, T, C]
        hiddenStates?.Add(x);
        x = Op.Reshape(x, B * T, C);
        var layout = AttentionLayout.Batch(B, T, T);
        foreach (var layer in _layers)
        {
            x = layer.Forward(x, layout);
            hiddenStates?.Add(Op.Reshape(x, B, T, C));
        }

        x = Op.Reshape(x, B, T, C);
        return new VisionOutput(x, _after?.Forward(VisionOutput.First(x)), h, w, TokensBefore: 1);
    }
}
