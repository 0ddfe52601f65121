using Sightline.Generation;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Qwen2;

/// <summary>
/// The transformer of Qwen2 and Qwen3 (Yang et al. 2024 and 2025): token table, causal layers, a final norm. Parameter paths are those of
/// published checkpoints below <c>model</c>. Embedding and layers are separate calls, so that vision features can be put between
/// them.
/// <para>T tokens of packed texts, C channels.</para>
/// </summary>
public sealed class Qwen2Model
{
    private readonly Qwen2Config _config;
    private readonly Embedding _tokens;
    private readonly Qwen2Layer[] _layers;
    private readonly RmsNorm _norm;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public Qwen2Model(Qwen2Config config, ParameterScope scope)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _tokens = new Embedding(scope / "embed_tokens", config.VocabSize, config.HiddenSize);
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Qwen2Layer(scope / "layers" / i, config))];
        _norm = new RmsNorm(scope / "norm", config.HiddenSize, config.RmsNormEps);
    }

    /// <summary>Loads the transformer of a folder, without what turns states into logits.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: another architecture, or weights that do not fit.</exception>
    public static PublishedModel<Qwen2Model> Load(string path)
    {
        using var folder = PublishedFolder.Open(path, [.. Qwen2Config.ModelTypes]);
        var config = Qwen2Config.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Load(folder, Rename, (scope, _) => new Qwen2Model(config, scope / "model"));
    }

    /// <summary>While a tape records: keep the states between layers only, and compute each layer again in the backward pass (<see cref="Checkpoint"/>).</summary>
    public bool RecomputesLayers { get; set; }

    /// <summary>
    /// The element type of the states between layers, and so of everything in them: float32, or for learning bfloat16, to which float32 weights are rounded where they are used
    /// (mixed precision; gradients arrive at the float32 ones). Not with a cache, which is float32.
    /// </summary>
    public DType StateType { get; set; } = DType.Float32;

    /// <summary>ids [T] (int64) to [T, C] of <see cref="StateType"/>.</summary>
    public Tensor Embed(Tensor ids)
    {
        var x = _tokens.Forward(ids);
        return x.DType == StateType ? x : Op.Cast(x, StateType);
    }

    /// <summary>The angles of tokens with one position each, [T]. Used by every layer; make them once for a batch.</summary>
    public RotaryAngles Angles(ReadOnlySpan<long> positions) => RotaryAngles.Of(positions, _config.HeadSize, _config.Theta);

    /// <summary>The angles of tokens with a time, a row and a column each, [3, T] (models with pictures).</summary>
    /// <exception cref="InvalidOperationException">The configuration has no <c>mrope_section</c>.</exception>
    public RotaryAngles PictureAngles(ReadOnlySpan<long> positions)
    {
        var sections = _config.MropeSection ?? throw new InvalidOperationException("the model turns by one position only: its configuration has no mrope_section");
        return RotaryAngles.Of(positions, [.. sections], _config.HeadSize, _config.Theta, _config.HasInterleavedMrope);
    }

    /// <summary>Embedded tokens to states after the final norm, [T, C].</summary>
    /// <param name="x">[T, C], from <see cref="Embed"/>.</param>
    /// <param name="angles">Positions.</param>
    /// <param name="layout">Who sees whom: <c>AttentionLayout.Packed(lengths, causal: true)</c> for packed texts.</param>
    /// <param name="hiddenStates">Receives the states after each layer, before the final norm, [T, C].</param>
    /// <param name="cache">Keeps keys and values; the keys of the layout are then its slots.</param>
    /// <param name="slots">Where in the cache the tokens go, [T].</param>
    /// <param name="levels">Added to the states after layer 0, 1, .., [T, C] each (DeepStack).</param>
    public Tensor Forward(
        Tensor x,
        RotaryAngles angles,
        AttentionLayout layout,
        ICollection<Tensor>? hiddenStates = null,
        KeyValueCache? cache = null,
        ReadOnlyMemory<int> slots = default,
        IReadOnlyList<Tensor>? levels = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        for (var i = 0; i < _layers.Length; i++)
        {
            var level = levels is not null && i < levels.Count ? levels[i] : null;
            var y = Run(_layers[i], x, angles, layout, cache is null ? null : new LayerCache(cache, i, slots), level);
            if (i > 0 && hiddenStates is null && !Tape.IsRecording) x.Dispose(); // 28 layers of a long prompt would otherwise wait for the scope
            x = y;
            hiddenStates?.Add(x);
        }

        return _norm.Forward(x);
    }

    /// <summary>One layer. What it makes on the way is freed at its end unless a tape needs it.</summary>
    private Tensor Run(Qwen2Layer layer, Tensor x, RotaryAngles angles, AttentionLayout layout, LayerCache? cache, Tensor? level)
    {
        if (RecomputesLayers && Tape.IsRecording) return Checkpoint.Run(input => Compute(layer, input, angles, layout, cache, level), x);
        using var scope = Tape.IsRecording ? null : TensorScope.Open();
        var y = Compute(layer, x, angles, layout, cache, level);
        return scope is null ? y : scope.Keep(y);
    }

    private static Tensor Compute(Qwen2Layer layer, Tensor x, RotaryAngles angles, AttentionLayout layout, LayerCache? cache, Tensor? level)
    {
        var y = layer.Forward(x, angles, layout, cache);
        return level is null ? y : Op.Add(y, level);
    }

    /// <summary>
    /// To the names of the first published checkpoints: newer ones of vision-language models say
    /// <c>model.language_model.</c> or <c>language_model.model.</c>, and the bare transformer says nothing.
    /// </summary>
    internal static string Rename(string name)
    {
        if (name.StartsWith("model.language_model.", StringComparison.Ordinal)) return "model." + name["model.language_model.".Length..];
        if (name.StartsWith("language_model.", StringComparison.Ordinal)) return name["language_model.".Length..];
        foreach (var part in (ReadOnlySpan<string>)["embed_tokens.", "layers.", "norm."])
        {
            if (name.StartsWith(part, StringComparison.Ordinal)) return "model." + name;
        }

        return name;
    }
}
