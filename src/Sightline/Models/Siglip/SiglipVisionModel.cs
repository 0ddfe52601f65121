using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Siglip;

/// <summary>
/// The image encoder of SigLIP: a vision transformer without a class token, whose pooled vector a learned probe gathers by
/// attention. Parameter paths are those of Hugging Face's <c>SiglipModel</c> below <c>vision_model</c>.
/// <para>B pictures, N = h·w tokens, C channels.</para>
/// </summary>
public sealed class SiglipVisionModel
{
    private readonly SiglipVisionConfig _config;
    private readonly PatchEmbedding _patches;
    private readonly GridPositions _positions;
    private readonly EncoderBlock[] _layers;
    private readonly LayerNorm _norm;
    private readonly ProbePooling? _head;

    /// <summary>Takes its parameters below <paramref name="scope"/>; without <paramref name="pooled"/> the pooling head is left out.</summary>
    public SiglipVisionModel(SiglipVisionConfig config, ParameterScope scope, bool pooled = true)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        var side = config.ImageSize / config.PatchSize;
        var embeddings = scope / "embeddings";
        _patches = new PatchEmbedding(embeddings / "patch_embedding", config.NumChannels, config.HiddenSize, config.PatchSize);
        var positions = (embeddings / "position_embedding").Get("weight", [side * side, config.HiddenSize], Initializer.TruncatedNormal());
        _positions = new GridPositions(positions, side, config.HiddenSize, tokensBefore: 0);
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => ContrastiveLayer.Make(
            scope / "encoder" / "layers" / i, config.HiddenSize, config.IntermediateSize, config.NumAttentionHeads, config.HiddenAct, config.LayerNormEps))];
        _norm = new LayerNorm(scope / "post_layernorm", config.HiddenSize, config.LayerNormEps);
        _head = pooled ? new ProbePooling(scope / "head", config) : null;
    }

    /// <summary>pixels [B, H, W, 3], normalised, of any size of at least a patch. The pooled vector is [B, C].</summary>
    /// <param name="pixels">The pictures.</param>
    /// <param name="hiddenStates">Receives the tokens before the first layer and after each one, [B, N, C].</param>
    public VisionOutput Forward(Tensor pixels, ICollection<Tensor>? hiddenStates = null)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        var patches = _patches.Forward(pixels);                                           // [B, h, w, C]
        var (B, h, w, C) = (patches.Shape[0], patches.Shape[1], patches.Shape[2], _config.HiddenSize);
        var N = h * w;
        var x = Op.Add(Op.Reshape(patches, B, N, C), _positions.Forward(h, w));           // [B, N, C]
        hiddenStates?.Add(x);
        x = Op.Reshape(x, B * N, C);
        var layout = AttentionLayout.Batch(B, N, N);
        foreach (var layer in _layers)
        {
            x = layer.Forward(x, layout);
            hiddenStates?.Add(Op.Reshape(x, B, N, C));
        }

        x = _norm.Forward(x);                                                             // [B·N, C]
        return new VisionOutput(Op.Reshape(x, B, N, C), _head?.Forward(x, B), h, w, TokensBefore: 0);
    }

    /// <summary>Attention pooling (Zhai et al. 2022, "Scaling vision transformers", section 2.2): y = attention(probe, x); y + mlp(norm(y)).</summary>
    private sealed class ProbePooling(ParameterScope scope, SiglipVisionConfig config)
    {
        private readonly Tensor _probe = scope.Get("probe", [1, 1, config.HiddenSize], Initializer.TruncatedNormal());
        private readonly Tensor _weight = (scope / "attention").Get("in_proj_weight", [3 * config.HiddenSize, config.HiddenSize], Initializer.FanIn());
        private readonly Tensor _bias = (scope / "attention").Get("in_proj_bias", [3 * config.HiddenSize], Initializer.Zeros);
        private readonly Linear _output = new(scope / "attention" / "out_proj", config.HiddenSize, config.HiddenSize);
        private readonly LayerNorm _norm = new(scope / "layernorm", config.HiddenSize, config.LayerNormEps);
        private readonly FeedForward _mlp = ContrastiveLayer.FeedForward(scope / "mlp", config.HiddenSize, config.IntermediateSize, config.HiddenAct);

        /// <summary>[B·N, C] to [B, C].</summary>
        public Tensor Forward(Tensor x, int B)
        {
            var C = config.HiddenSize;
            var N = x.Shape[0] / B;
            var q = Op.Expand(Op.Linear(Op.Reshape(_probe, 1, C), Op.Slice(_weight, 0, 0, C), Op.Slice(_bias, 0, 0, C)), [B, C]);
            var k = Op.Linear(x, Op.Slice(_weight, 0, C, C), Op.Slice(_bias, 0, C, C));
            var v = Op.Linear(x, Op.Slice(_weight, 0, 2 * C, C), Op.Slice(_bias, 0, 2 * C, C));
            var y = Op.Attention(Heads(q), Heads(k), Heads(v), AttentionLayout.Batch(B, 1, N));
            y = _output.Forward(Op.Reshape(y, B, C));
            return Op.Add(y, _mlp.Forward(_norm.Forward(y)));
        }

        /// <summary>[T, C] to [T, H, D].</summary>
        private Tensor Heads(Tensor x) => Op.Reshape(x, x.Shape[0], config.NumAttentionHeads, config.HiddenSize / config.NumAttentionHeads);
    }
}
