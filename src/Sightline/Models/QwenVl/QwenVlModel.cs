using Sightline.Checkpoints;
using Sightline.Generation;
using Sightline.Models.Qwen2;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.QwenVl;

/// <summary>
/// Qwen2-VL, Qwen2.5-VL or Qwen3-VL (dense): a vision tower whose image tokens stand among the tokens of a language model. Parameter paths
/// are those of the first published checkpoints (<c>visual.</c>, <c>model.</c>, <c>lm_head.</c>).
/// <para>T tokens, C channels, V token ids, P patches, N image tokens.</para>
/// </summary>
public sealed class QwenVlModel : ILanguageModel
{
    private readonly Linear _head;

    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public QwenVlModel(QwenVlConfig config, ParameterScope scope)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        var text = config.Text;
        Sizes = new LanguageModelSizes(text.NumHiddenLayers, text.NumKeyValueHeads, text.HeadSize, text.HiddenSize, text.VocabSize, text.MaxPositionEmbeddings);
        Vision = new QwenVisionModel(config.Vision, config.Kind, scope / "visual");
        Text = new Qwen2Model(text, scope / "model");
        _head = new Linear(text.TieWordEmbeddings ? scope / "model" / "embed_tokens" : scope / "lm_head", text.HiddenSize, text.VocabSize, bias: false);
    }

    /// <summary>What the folder's <c>config.json</c> says.</summary>
    public QwenVlConfig Config { get; }

    /// <inheritdoc/>
    public LanguageModelSizes Sizes { get; }

    /// <summary>The vision tower.</summary>
    public QwenVisionModel Vision { get; }

    /// <summary>The language model without its head.</summary>
    public Qwen2Model Text { get; }

    /// <summary>While a tape records: less memory and about a third more time (<see cref="Qwen2Model.RecomputesLayers"/>), in both parts.</summary>
    public bool RecomputesLayers
    {
        get => Text.RecomputesLayers;
        set => (Text.RecomputesLayers, Vision.RecomputesLayers) = (value, value);
    }

    /// <summary>Opens a model folder. Weights that stay as they are stored lie in the mapped files: opening reads hardly anything.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="plan">The format of each matrix; as it is stored when null.</param>
    /// <param name="checkFinite">Also reads all weights and refuses NaN and infinity.</param>
    /// <param name="adapters">Added to its linear layers, and then trainable; the weights are frozen. Stays the caller's.</param>
    /// <param name="cancellation">Noticed before each matrix that is converted, quantized or checked.</param>
    /// <exception cref="SightlineException">NotFound, or BadModel: another architecture, a missing or damaged file, or weights that do not fit.</exception>
    public static PublishedModel<QwenVlModel> Load(string path, WeightPlan? plan = null, bool checkFinite = false, LoraAdapters? adapters = null, CancellationToken cancellation = default)
    {
        using var folder = PublishedFolder.Open(path, [.. QwenVlConfig.ModelTypes]);
        var config = QwenVlConfig.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Open(folder, Rename, plan ?? WeightPlan.AsStored, checkFinite, scope => new QwenVlModel(config, scope), adapters, cancellation);
    }

    /// <summary>Reads a model folder with every weight in float32 and trainable; freeze parts by <see cref="ParameterStore.SetTrainable"/>.</summary>
    /// <exception cref="SightlineException">As <see cref="Load"/>.</exception>
    public static PublishedModel<QwenVlModel> LoadForTraining(string path)
    {
        using var folder = PublishedFolder.Open(path, [.. QwenVlConfig.ModelTypes]);
        var config = QwenVlConfig.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Load(folder, Rename, (scope, _) => new QwenVlModel(config, scope));
    }

    /// <summary>How well a folder's weights fit the model that its configuration describes: what is missing, unused, of another shape, or not finite.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="checkFinite">Also reads all weights and looks for NaN and infinity.</param>
    /// <param name="cancellation">Noticed before each tensor that is read.</param>
    /// <exception cref="SightlineException">NotFound, or BadModel: another architecture, or a missing or damaged file.</exception>
    public static FitReport Fit(string path, bool checkFinite = true, CancellationToken cancellation = default)
    {
        using var folder = PublishedFolder.Open(path, [.. QwenVlConfig.ModelTypes]);
        var config = QwenVlConfig.Read(folder.Config, folder.ConfigPath);
        return PublishedFolder.Fit(folder, Rename, checkFinite, scope => new QwenVlModel(config, scope), cancellation);
    }

    /// <inheritdoc/>
    public PromptLayout Lay(ReadOnlySpan<int> ids, ReadOnlySpan<PictureGrid> pictures) => QwenVlPrompt.Lay(ids, pictures, Config);

    /// <inheritdoc/>
    public PictureFeatures Encode(PicturePatches picture, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using var scope = TensorScope.Open();
        var pixels = Tensor.From(picture.Values.Span, [picture.Grid.Patches, Config.Vision.PatchLength]);
        var (embeddings, levels) = Vision.Forward(pixels, [picture.Grid], cancellation: cancellation);
        return new PictureFeatures(picture.Grid, embeddings.AsParameter(requiresGrad: false), [.. levels.Select(level => level.AsParameter(requiresGrad: false))]);
    }

    /// <inheritdoc/>
    public Tensor Forward(LanguageModelInput input, KeyValueCache? cache) => Forward(input, cache, watch: null);

    /// <inheritdoc/>
    public Tensor Logits(Tensor states) => _head.Forward(states);

    /// <summary>As <see cref="Forward(LanguageModelInput, KeyValueCache?)"/>, showing intermediate results under the names of <c>sightline verify</c>.</summary>
    internal Tensor Forward(LanguageModelInput input, KeyValueCache? cache, Action<string, Tensor>? watch)
    {
        ArgumentNullException.ThrowIfNull(input);
        var T = input.Ids.Length;
        if (input.Positions.Length != 3 * T || (cache is not null && input.Slots.Length != T))
            throw new ShapeException($"a step of {T} tokens needs {3 * T} positions and, with a cache, {T} slots; got {input.Positions.Length} and {input.Slots.Length}");
        var x = Embed(input);                                                           // [T, C]
        watch?.Invoke("text.inputs_embeds", x);
        var states = watch is null ? null : new List<Tensor>();
        var last = Text.Forward(x, Text.PictureAngles(input.Positions.Span), input.Layout, states, cache, input.Slots, Levels(input));
        for (var i = 0; i < states?.Count; i++) watch!($"text.layer.{i}", states[i]);
        watch?.Invoke("last_hidden_state", last);
        return last;
    }

    /// <summary>To the names of the first published checkpoints; see <see cref="Qwen2Model"/>. transformers writes <c>model.visual.</c> since 4.52.</summary>
    internal static string Rename(string name) =>
        name.StartsWith("model.visual.", StringComparison.Ordinal) ? name["model.".Length..] : Qwen2Model.Rename(name);

    /// <summary>Token vectors, with the pictures' rows in the places of their image tokens.</summary>
    private Tensor Embed(LanguageModelInput input)
    {
        var T = input.Ids.Length;
        var ids = new long[T];
        for (var t = 0; t < T; t++) ids[t] = input.Ids.Span[t];
        var x = Text.Embed(Tensor.From(ids, [T]));
        if (input.Pictures.Count == 0) return x;
        for (var t = 0; t < T; t++) ids[t] = t;
        var sources = new List<Tensor> { x };
        var first = T;
        foreach (var run in input.Pictures)
        {
            for (var i = 0; i < run.Count; i++) ids[run.Token + i] = first + i;
            sources.Add(AsState(Op.Slice(run.Features.Embeddings, 0, run.Row, run.Count)));
            first += run.Count;
        }

        return Op.IndexRows(Op.Concat(0, [.. sources]), Tensor.From(ids, [T]));
    }

    private Tensor AsState(Tensor x) => x.DType == Text.StateType ? x : Op.Cast(x, Text.StateType);

    /// <summary>What the pictures add to the states after the first layers, [T, C] each.</summary>
    private List<Tensor>? Levels(LanguageModelInput input)
    {
        var count = Config.Vision.DeepstackLayers.Count;
        if (count == 0 || input.Pictures.Count == 0) return null;
        var ids = input.Pictures.SelectMany(run => Enumerable.Range(run.Token, run.Count)).Select(token => (long)token).ToArray();
        var places = Tensor.From(ids, [ids.Length]);
        var levels = new List<Tensor>(count);
        for (var level = 0; level < count; level++)
        {
            var rows = Op.Concat(0, [.. input.Pictures.Select(run => Op.Slice(run.Features.Levels[level], 0, run.Row, run.Count))]);
            levels.Add(Op.ScatterRows(AsState(rows), places, input.Ids.Length));
        }

        return levels;
    }
}
