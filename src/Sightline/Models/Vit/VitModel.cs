using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Vit;

/// <summary>
/// Vision transformer (Dosovitskiy et al. 2021): patches, a class token, learned positions, pre-norm layers, a final norm, and
/// a pooled class token. Parameter paths are those of Hugging Face's <c>ViTModel</c>.
/// <para>B pictures, T = 1 + h·w tokens, C channels.</para>
/// </summary>
public sealed class VitModel
{
    private readonly VitConfig _config;
    private readonly Tensor _classToken;
    private readonly PatchEmbedding _patches;
    private readonly GridPositions _positions;
    private readonly EncoderBlock[] _layers;
    private readonly LayerNorm _norm;
    private readonly Linear? _pooler;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public VitModel(VitConfig config, ParameterScope scope, bool pooler = true)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        var side = config.ImageSize / config.PatchSize;
        var embeddings = scope / "embeddings";
        _classToken = embeddings.Get("cls_token", [1, 1, config.HiddenSize], Initializer.TruncatedNormal());
        _patches = new PatchEmbedding(embeddings / "patch_embeddings" / "projection", config.NumChannels, config.HiddenSize, config.PatchSize);
        var positions = embeddings.Get("position_embeddings", [1, 1 + (side * side), config.HiddenSize], Initializer.TruncatedNormal());
        _positions = new GridPositions(positions, side, config.HiddenSize, tokensBefore: 1);
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => Layer(scope / "encoder" / "layer" / i, config))];
        _norm = new LayerNorm(scope / "layernorm", config.HiddenSize, config.LayerNormEps);
        _pooler = pooler ? new Linear(scope / "pooler" / "dense", config.HiddenSize, config.PoolerOutputSize ?? config.HiddenSize) : null;
    }

    /// <summary>Loads a folder of <c>model_type</c> "vit"; a classifier's head is left out, a missing pooler too.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: another architecture, or weights that do not fit.</exception>
    public static PublishedModel<VitModel> Load(string path)
    {
        using var folder = PublishedFolder.Open(path, VitConfig.ModelType);
        var config = VitConfig.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Load(folder, Rename, (scope, has) => new VitModel(config, scope, pooler: has("pooler.dense.weight")));
    }

    /// <summary>pixels [B, H, W, 3], normalised, of any size of at least a patch.</summary>
    /// <param name="pixels">The pictures.</param>
    /// <param name="hiddenStates">Receives the tokens before the first layer and after each one, [B, T, C].</param>
    public VisionOutput Forward(Tensor pixels, ICollection<Tensor>? hiddenStates = null)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        var patches = _patches.Forward(pixels);                                           // [B, h, w, C]
        var (B, h, w, C) = (patches.Shape[0], patches.Shape[1], patches.Shape[2], _config.HiddenSize);
        var T = 1 + (h * w);
        var x = Op.Concat(1, Op.Expand(_classToken, [B, 1, C]), Op.Reshape(patches, B, h * w, C));
        x = Op.Add(x, _positions.Forward(h, w));                                          // [B, T, C]
        hiddenStates?.Add(x);
        x = Op.Reshape(x, B * T, C);
        var layout = AttentionLayout.Batch(B, T, T);
        foreach (var layer in _layers)
        {
            x = layer.Forward(x, layout);
            hiddenStates?.Add(Op.Reshape(x, B, T, C));
        }

        var last = Op.Reshape(_norm.Forward(x), B, T, C);
        var pooled = _pooler is null ? null : Activations.Parse(_config.PoolerAct).Apply(_pooler.Forward(VisionOutput.First(last)));
        return new VisionOutput(last, pooled, h, w, TokensBefore: 1);
    }

    /// <summary>Files of whole classifiers name the encoder <c>vit.</c>.</summary>
    internal static string Rename(string name) => PublishedFolder.WithoutPrefix(name, "vit.");

    private static EncoderBlock Layer(ParameterScope scope, VitConfig config)
    {
        var C = config.HiddenSize;
        var self = scope / "attention" / "attention";
        var attention = new MultiHeadAttention(
            new Linear(self / "query", C, C, config.QkvBias),
            new Linear(self / "key", C, C, config.QkvBias),
            new Linear(self / "value", C, C, config.QkvBias),
            new Linear(scope / "attention" / "output" / "dense", C, C),
            C,
            config.NumAttentionHeads);
        var feedForward = new FeedForward(
            new Linear(scope / "intermediate" / "dense", C, config.IntermediateSize), new Linear(scope / "output" / "dense", config.IntermediateSize, C), Activations.Parse(config.HiddenAct));
        return new EncoderBlock(
            new LayerNorm(scope / "layernorm_before", C, config.LayerNormEps), attention, new LayerNorm(scope / "layernorm_after", C, config.LayerNormEps), feedForward.Forward);
    }
}
