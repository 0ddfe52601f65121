using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Dinov2;

/// <summary>
/// DINOv2 (Oquab et al. 2023): a vision transformer with LayerScale and, in the giant model, gated feed-forward layers.
/// Parameter paths are those of Hugging Face's <c>Dinov2Model</c>. The mask token, which only pre-training uses, is left out.
/// <para>B pictures, T = 1 + h·w tokens, C channels.</para>
/// </summary>
public sealed class Dinov2Model
{
    private readonly Dinov2Config _config;
    private readonly Tensor _classToken;
    private readonly PatchEmbedding _patches;
    private readonly GridPositions _positions;
    private readonly EncoderBlock[] _layers;
    private readonly LayerNorm _norm;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public Dinov2Model(Dinov2Config config, ParameterScope scope)
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
    }

    /// <summary>Loads a folder of <c>model_type</c> "dinov2".</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: another architecture, or weights that do not fit.</exception>
    public static PublishedModel<Dinov2Model> Load(string path)
    {
        using var folder = PublishedFolder.Open(path, Dinov2Config.ModelType);
        var config = Dinov2Config.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Load(folder, Rename, (scope, _) => new Dinov2Model(config, scope));
    }

    /// <summary>pixels [B, H, W, 3], normalised, of any size of at least a patch. The pooled vector is the class token.</summary>
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
        return new VisionOutput(last, VisionOutput.First(last), h, w, TokensBefore: 1);
    }

    /// <summary>The maps of the layers that the configuration names, [B, h, w, C] each: Hugging Face's <c>Dinov2Backbone</c>.</summary>
    public IReadOnlyList<Tensor> FeatureMaps(Tensor pixels)
    {
        var states = new List<Tensor>();
        var output = Forward(pixels, states);
        return [.. (_config.OutIndices ?? [_config.NumHiddenLayers]).Select(i =>
            VisionOutput.Map(_config.ApplyLayernorm ? _norm.Forward(states[i]) : states[i], output.Height, output.Width, output.TokensBefore))];
    }

    /// <summary>Files of whole classifiers name the encoder <c>dinov2.</c>.</summary>
    internal static string Rename(string name) => PublishedFolder.WithoutPrefix(name, "dinov2.");

    private static EncoderBlock Layer(ParameterScope scope, Dinov2Config config)
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
        var start = Initializer.Constant(config.LayerscaleValue);
        return new EncoderBlock(
            new LayerNorm(scope / "norm1", C, config.LayerNormEps),
            attention,
            new LayerNorm(scope / "norm2", C, config.LayerNormEps),
            config.UseSwigluFfn ? Gated(scope / "mlp", config) : Plain(scope / "mlp", config),
            (scope / "layer_scale1").Get("lambda1", [C], start),
            (scope / "layer_scale2").Get("lambda1", [C], start));
    }

    private static Func<Tensor, Tensor> Plain(ParameterScope scope, Dinov2Config config) => new FeedForward(
        new Linear(scope / "fc1", config.HiddenSize, config.IntermediateSize),
        new Linear(scope / "fc2", config.IntermediateSize, config.HiddenSize),
        Activations.Parse(config.HiddenAct)).Forward;

    /// <summary>out(silu(a) · b), where a and b are the halves of one linear layer (Shazeer 2020, SwiGLU).</summary>
    private static Func<Tensor, Tensor> Gated(ParameterScope scope, Dinov2Config config)
    {
        var input = new Linear(scope / "weights_in", config.HiddenSize, 2 * config.IntermediateSize);
        var output = new Linear(scope / "weights_out", config.IntermediateSize, config.HiddenSize);
        return x =>
        {
            var halves = Op.Chunk(input.Forward(x), -1, 2);
            return output.Forward(Op.Mul(Op.Silu(halves[0]), halves[1]));
        };
    }
}
