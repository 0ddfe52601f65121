using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>
/// The low-rank adapters of a model: y = W x + b + scale · B (A x) with W frozen in any format (Hu et al. 2021). Hand them to the store before the model is
/// made (<see cref="ParameterStore.Adapters"/>): linear layers ask for theirs, so a model is defined once, with or without. Switched off
/// (<see cref="Disable"/>) the model is its own reference. Owned by the caller, not by the store.
/// </summary>
public sealed class LoraAdapters : IDisposable
{
    private readonly Dictionary<string, LoraAdapter> _byPath = new(StringComparer.Ordinal);
    private readonly List<LoraAdapter> _layers = [];
    private readonly IParameterSource? _source;
    private readonly RandomStream? _random;

    private LoraAdapters(LoraOptions options, IParameterSource? source, RandomStream? random)
    {
        options.Check();
        Options = options;
        _source = source;
        _random = random;
    }

    /// <summary>Rank, factor and targets.</summary>
    public LoraOptions Options { get; }

    /// <summary>The adapters in the order in which layers asked for them.</summary>
    public IReadOnlyList<LoraAdapter> Layers => _layers;

    /// <summary>False: layers are as if there were none.</summary>
    public bool IsEnabled { get; private set; } = true;

    /// <summary>All matrices, for an optimizer: <c>PATH.lora_A.weight</c> [r, In] and <c>PATH.lora_B.weight</c> [Out, r], float32.</summary>
    public IEnumerable<Parameter> Parameters => _layers.SelectMany(layer => (IEnumerable<Parameter>)[layer.Down, layer.Up]);

    /// <summary>New adapters that change nothing yet: A spread as PEFT does (variance 1 / 3 In), B zero. Each path has its own random stream.</summary>
    public static LoraAdapters Create(LoraOptions options, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new LoraAdapters(options, null, new RandomStream(seed));
    }

    /// <summary>Stored adapters, for all layers that the source has some for, whatever the options' targets say.</summary>
    public static LoraAdapters From(LoraOptions options, IParameterSource source)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new LoraAdapters(options, source, null);
    }

    /// <summary>Switches all adapters off until disposed: the model is then what it was before training.</summary>
    public Switch Disable()
    {
        var was = IsEnabled;
        IsEnabled = false;
        return new Switch(this, was);
    }

    /// <summary>Stops (or resumes) training.</summary>
    public void SetTrainable(bool trainable)
    {
        foreach (var parameter in Parameters) parameter.Value.RequiresGrad = trainable;
    }

    /// <summary>Drops all gradients.</summary>
    public void ClearGradients()
    {
        foreach (var parameter in Parameters) parameter.Value.ClearGrad();
    }

    /// <summary>Frees all matrices.</summary>
    public void Dispose()
    {
        foreach (var parameter in Parameters) parameter.Value.Dispose();
        _layers.Clear();
        _byPath.Clear();
    }

    /// <summary>The adapter of a layer, or null where it has none. A model that is made twice gets the same ones.</summary>
    /// <exception cref="SightlineException">BadRecipe: the rank is larger than both sides of the layer. BadModel: stored adapters do not fit it.</exception>
    internal LoraAdapter? Of(string path, int outputs, int inputs)
    {
        if (_byPath.TryGetValue(path, out var known)) return known;
        var (down, up) = ($"{path}.lora_A.weight", $"{path}.lora_B.weight");
        if (_source is null ? !Options.Fits(path) : _source.ShapeOf(down) is null) return null;
        if (_source is null && Options.Rank > Math.Max(inputs, outputs)) // before their memory is taken
            throw new SightlineException(ErrorKind.BadRecipe, $"adapters of rank {Options.Rank} are larger than the weights that they stand in for: {path} has {inputs} inputs and {outputs} outputs; choose a rank of {Math.Min(inputs, outputs)} or less (16 is usual)");
        var adapter = new LoraAdapter(this, path, Make(down, [Options.Rank, inputs], Initializer.FanIn(1 / MathF.Sqrt(3))), Make(up, [outputs, Options.Rank], Initializer.Zeros));
        _byPath.Add(path, adapter);
        _layers.Add(adapter);
        return adapter;
    }

    private Parameter Make(string path, Shape shape, Initializer initializer)
    {
        if (_source?.ShapeOf(path) is var stored && _source is not null && stored != shape)
            throw new SightlineException(ErrorKind.BadModel, $"the adapter has '{path}' as {stored?.ToString() ?? "nothing"} and the model needs {shape}: was it trained for another model?");
        var value = Tensor.Empty(shape).AsParameter();
        if (_source is null) initializer.Apply(value, _random!.Fork(path));
        else _source.Read(path, value);
        return new Parameter(path, value);
    }

    /// <summary>Puts the switch back when disposed.</summary>
    public readonly struct Switch(LoraAdapters adapters, bool enabled) : IDisposable
    {
        /// <summary>Back to what it was.</summary>
        public void Dispose() => adapters.IsEnabled = enabled;
    }
}

/// <summary>The adapter of one layer.</summary>
/// <param name="adapters">All of them.</param>
/// <param name="path">The layer's.</param>
/// <param name="down">A, [r, In].</param>
/// <param name="up">B, [Out, r].</param>
public sealed class LoraAdapter(LoraAdapters adapters, string path, Parameter down, Parameter up)
{
    /// <summary>The layer's path.</summary>
    public string Path => path;

    /// <summary>A, [r, In].</summary>
    public Parameter Down => down;

    /// <summary>B, [Out, r].</summary>
    public Parameter Up => up;

    /// <summary>scale · B A, what the adapter adds to the layer's matrix; float32 [Out, In].</summary>
    public Tensor Delta()
    {
        using var product = Op.MatMul(up.Value, down.Value);
        return Op.Scale(product, (float)adapters.Options.Scale);
    }

    /// <summary>Whether it is switched on.</summary>
    internal bool IsActive => adapters.IsEnabled;

    /// <summary>y + scale · B (A x), where nobody else reads y; the factor is applied in between, where the channels are few.</summary>
    internal Tensor AddTo(Tensor y, Tensor x)
    {
        if (!adapters.IsEnabled) return y;
        if (x.DType == DType.Float32 && y.DType == DType.Float32) return Op.AddLowRank(y, x, down.Value, up.Value, (float)adapters.Options.Scale);
        var small = Op.Linear(x, Precision.Match(down.Value, x));                                        // [.., r]
        return Op.Add(y, Op.Linear(Op.Scale(small, (float)adapters.Options.Scale), Precision.Match(up.Value, x)));
    }
}
