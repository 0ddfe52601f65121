using Sightline.Tensors;
using Sightline.Tensors.Quantized;

namespace Sightline.Nn;

/// <summary>One trainable array of a model, under the path that it has in a checkpoint.</summary>
/// <param name="Path">Dotted, as in a safetensors file: <c>image_encoder.blocks.0.attention.query.weight</c>.</param>
/// <param name="Value">The master weights. <see cref="Tensor.RequiresGrad"/> is false while frozen.</param>
public sealed record Parameter(string Path, Tensor Value)
{
    /// <summary>Matrices and kernels take weight decay; vectors (biases, norms, scales) do not.</summary>
    public bool Decays => Value.Shape.Rank >= 2;

    /// <summary>A table from which rows are taken by id (words, learned positions), not a map between features.</summary>
    public bool IsTable { get; init; }
}

/// <summary>
/// Owns the parameters of a model and decides where they come from: a checkpoint, or an <see cref="Initializer"/>. Layers ask for
/// them by path through a <see cref="ParameterScope"/>, so the path in the code is the key in the file.
/// </summary>
public sealed class ParameterStore : IDisposable
{
    private const int SmallestQuantizedInput = 64;
    private const int SmallestQuantizedOutput = 32; // packed matrices are padded to blocks of 32 outputs: boxes and scores would grow and lose precision
    private readonly Dictionary<string, Parameter> _byPath = new(StringComparer.Ordinal);
    private readonly List<Parameter> _ordered = [];
    private readonly IParameterSource? _source;
    private readonly RandomStream? _random;
    private readonly List<QuantizedWeight> _quantized = [];
    private readonly List<Tensor> _unpacked = [];
    private readonly List<(string Path, Shape Shape)> _linears = [];
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private readonly List<string> _missing = [];
    private readonly List<string> _misfits = []; // entries whose shape in the checkpoint differs, as readable sentences
    private readonly List<(string Name, Shape Shape)> _wanted = [];
    private WeightPlan? _plan;
    private bool _leaveUnwritten;
    private WeightPlan? _linearPlan;
    private CancellationToken _cancellation;

    private ParameterStore(IParameterSource? source, RandomStream? random)
    {
        _source = source;
        _random = random;
    }

    /// <summary>All parameters in the order in which the layers asked for them.</summary>
    public IReadOnlyList<Parameter> All => _ordered;

    /// <summary>Paths that the checkpoint lacks (and that were started anew, where a seed was given).</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>Number of trainable and frozen numbers, quantized ones included.</summary>
    public long Count => _ordered.Sum(parameter => parameter.Value.Count) + _unpacked.Sum(weight => weight.Count) + _quantized.Sum(weight => (long)weight.OutputSize * weight.InputSize);

    /// <summary>Everything that layers have asked for, whatever became of it.</summary>
    public IReadOnlyList<(string Name, Shape Shape)> Wanted => _wanted;

    /// <summary>Bytes of all weights, mapped files included.</summary>
    public long Bytes => _ordered.Sum(parameter => parameter.Value.Bytes) + _unpacked.Sum(weight => weight.Bytes) + _quantized.Sum(weight => weight.Bytes);

    /// <summary>Parameters from initializers. Each path has its own random stream: adding a layer leaves the others' values alone.</summary>
    public static ParameterStore Initialize(ulong seed) => new(null, new RandomStream(seed));

    /// <summary>Parameters from a checkpoint; with a seed, paths that it lacks are initialized, otherwise they are an error in <see cref="RequireComplete"/>.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="seedForMissing">Seed for what it lacks.</param>
    /// <param name="linears">
    /// Which matrices of linear layers are kept quantized, all but narrow ones, whose rounding costs more than it saves; everything else is float32. For
    /// inference: a quantized layer does not train.
    /// </param>
    public static ParameterStore From(IParameterSource source, ulong? seedForMissing = null, WeightPlan? linears = null) =>
        new(source, seedForMissing is { } seed ? new RandomStream(seed) : null) { _linearPlan = linears };

    /// <summary>
    /// Frozen parameters for inference, each matrix in the format of a plan. What is kept as it is stored lies in the mapped file, so that opening
    /// takes no time and memory is shared with other processes; nothing is started anew. Cancellation is noticed whenever a layer asks for a parameter.
    /// </summary>
    public static ParameterStore Open(IParameterSource source, WeightPlan plan, LoraAdapters? adapters = null, CancellationToken cancellation = default) =>
        new(source, null) { _plan = plan, Adapters = adapters, _cancellation = cancellation };

    /// <summary>Parameters with arbitrary values, for counting: memory is reserved but never touched.</summary>
    public static ParameterStore Unwritten(LoraAdapters? adapters = null) => new(null, null) { _leaveUnwritten = true, Adapters = adapters };

    /// <summary>The root of all paths.</summary>
    public ParameterScope Root => new(this, "");

    /// <summary>The parameter at a path.</summary>
    /// <exception cref="KeyNotFoundException">No layer has asked for it.</exception>
    public Parameter this[string path] => _byPath.TryGetValue(path, out var parameter)
        ? parameter
        : throw new KeyNotFoundException($"the model has no parameter '{path}'");

    /// <summary>True when a layer has asked for this path.</summary>
    public bool Contains(string path) => _byPath.ContainsKey(path);

    /// <summary>Stops (or resumes) training of all parameters whose path starts with the prefix. Returns how many that were.</summary>
    public int SetTrainable(string prefix, bool trainable)
    {
        var count = 0;
        foreach (var parameter in _ordered)
        {
            if (!parameter.Path.StartsWith(prefix, StringComparison.Ordinal)) continue;
            parameter.Value.RequiresGrad = trainable;
            count++;
        }

        return count;
    }

    /// <summary>Throws when the checkpoint lacked something or something did not fit; the message lists it.</summary>
    public void RequireComplete(string where)
    {
        if (_misfits.Count == 0 && (_missing.Count == 0 || _random is not null)) return;
        var problems = _misfits.Concat(_missing.Select(path => $"'{path}' is missing")).ToList();
        ThrowMisfit(where, problems);
    }

    /// <summary>As <see cref="RequireComplete"/> for the part of the model below a prefix, which must be in its source whatever may be started anew elsewhere.</summary>
    public void RequirePart(string prefix, string where)
    {
        var problems = _misfits.Where(problem => problem.StartsWith($"'{prefix}", StringComparison.Ordinal))
            .Concat(_missing.Where(path => path.StartsWith(prefix, StringComparison.Ordinal)).Select(path => $"'{path}' is missing"))
            .ToList();
        if (problems.Count > 0) ThrowMisfit(where, problems);
    }

    /// <summary>Set before the layers are made: the adapters that linear layers add to their output. The store does not own them.</summary>
    public LoraAdapters? Adapters { get; init; }

    /// <summary>Drops all gradients; their memory goes back to the pool.</summary>
    public void ClearGradients()
    {
        foreach (var parameter in _ordered) parameter.Value.ClearGrad();
    }

    /// <summary>Frees all parameters.</summary>
    public void Dispose()
    {
        foreach (var parameter in _ordered) parameter.Value.Dispose();
        foreach (var weight in _quantized) weight.Dispose();
        foreach (var weight in _unpacked) weight.Dispose();
        _unpacked.Clear();
        _quantized.Clear();
        _ordered.Clear();
        _byPath.Clear();
    }

    /// <summary>The matrices of linear layers, [output, input], in the order in which the layers asked.</summary>
    internal IReadOnlyList<(string Path, Shape Shape)> Linears => _linears;

    /// <summary>Told the path of each linear layer's matrix and its input, [.., input], before the product.</summary>
    internal Action<string, Tensor>? LinearInputs { get; set; }

    /// <summary>In which form a linear layer's matrix is quantized, or null: the format keeps it dense, or it is narrow.</summary>
    internal static QuantizedFormat? QuantizedAs(WeightFormat format, Shape shape) => format switch
    {
        _ when shape[0] < SmallestQuantizedOutput || shape[1] < SmallestQuantizedInput || shape[1] % 32 != 0 => null,
        WeightFormat.Int8 => QuantizedFormat.Int8,
        WeightFormat.Int4 => QuantizedFormat.Int4,
        _ => null,
    };

    /// <summary>True when a layer needs this parameter dense: as a table, a kernel or a vector, not only as a linear layer's matrix.</summary>
    internal bool IsAskedDense(string path) => _asked.Contains(path);

    /// <summary>The matrix of a linear layer, [output, input]: quantized if the plan or the file says so and it is not narrow, else dense.</summary>
    internal (Tensor? Dense, QuantizedWeight? Quantized) GetLinear(string path, Shape shape, Initializer initializer)
    {
        _cancellation.ThrowIfCancellationRequested();
        _linears.Add((path, shape));
        var asked = (_plan ?? _linearPlan ?? WeightPlan.AsStored).Of(path);
        if (_source?.MapQuantized(path) is { } packed) return GetPacked(path, shape, packed, asked);
        if (QuantizedAs(asked, shape) is not { } wanted || _source?.ShapeOf(path) != shape) return (GetOrMake(path, shape, initializer, table: false), null);
        if (!_byPath.ContainsKey(path)) _wanted.Add((path, shape));
        using var stored = _source.Map(path);
        if (stored is not null) _source.RequireFinite(path);
        using var read = stored is null ? Tensor.Empty(shape) : null;
        if (read is not null) _source.Read(path, read);
        var weight = QuantizedWeight.Quantize(stored ?? read!, wanted);
        _quantized.Add(weight);
        return (null, weight);
    }

    /// <summary>A matrix that is quantized in its file: as it lies there, or in the format that the plan asks for in its place.</summary>
    private (Tensor? Dense, QuantizedWeight? Quantized) GetPacked(string path, Shape shape, QuantizedWeight packed, WeightFormat asked)
    {
        if (!_byPath.ContainsKey(path)) _wanted.Add((path, shape));
        _quantized.Add(packed);
        if (shape != new Shape(packed.OutputSize, packed.InputSize))
        {
            _misfits.Add($"'{path}' is [{packed.OutputSize}, {packed.InputSize}] in the file and {shape} in the model");
            return (null, packed);
        }

        var wanted = QuantizedAs(asked, shape);
        if (asked == WeightFormat.AsStored || wanted == packed.Format) return (null, packed);
        _quantized.Remove(packed);
        using var released = packed;
        var dense = packed.Dequantize();
        if (wanted is { } format)
        {
            using var source = dense;
            var weight = QuantizedWeight.Quantize(source, format);
            _quantized.Add(weight);
            return (null, weight);
        }

        var kept = OnDefaultEngine(dense);
        if (asked == WeightFormat.BFloat16)
        {
            using var wide = kept;
            kept = Tensor.Empty(shape, DType.BFloat16);
            kept.Engine.Cast(wide, kept);
        }

        _unpacked.Add(kept.AsParameter(requiresGrad: false));
        return (kept, null);
    }

    private static void ThrowMisfit(string where, List<string> problems)
    {
        var shown = string.Join("; ", problems.Take(5));
        throw new SightlineException(ErrorKind.BadModel, $"{where}: the checkpoint does not fit the model: {shown}{(problems.Count > 5 ? $" (and {problems.Count - 5} more)" : "")}");
    }

    internal Tensor Get(string path, Shape shape, Initializer initializer, bool table)
    {
        _cancellation.ThrowIfCancellationRequested();
        _asked.Add(path);
        return GetOrMake(path, shape, initializer, table);
    }

    private Tensor GetOrMake(string path, Shape shape, Initializer initializer, bool table)
    {
        if (_byPath.TryGetValue(path, out var known))
        {
            return known.Value.Shape == shape
                ? known.Value
                : throw new ShapeException($"parameter '{path}' was made as {known.Value.Shape} and is asked for as {shape}");
        }

        _wanted.Add((path, shape));
        var stored = _source?.ShapeOf(path);
        var value = Make(path, shape, fits: stored == shape).AsParameter(requiresGrad: _plan is null);
        var parameter = new Parameter(path, value) { IsTable = table };
        _byPath.Add(path, parameter);
        _ordered.Add(parameter);
        if (stored == shape) return value;
        if (stored is not null) _misfits.Add($"'{path}' is {stored} in the file and {shape} in the model");
        else if (_source is not null) _missing.Add(path);
        if (_leaveUnwritten || _plan is not null || _misfits.Count > 0) return value; // a store with misfits is refused: touching its memory would only cost
        if (_random is null) value.Engine.Clear(value);
        else initializer.Apply(value, _random.Fork(path));
        return value;
    }

    /// <summary>A parameter with the values of the source where it fits.</summary>
    private Tensor Make(string path, Shape shape, bool fits)
    {
        if (!fits || (_missing.Count > 0 && _random is null)) return Tensor.Empty(shape); // what is incomplete is refused, with all that it lacks: what it holds is not read
        if (_plan is not null && shape.Rank > 1)
        {
            var mapped = _source!.Map(path);
            var type = _plan.Of(path) switch
            {
                WeightFormat.Float32 => DType.Float32,
                WeightFormat.BFloat16 => DType.BFloat16,
                _ => mapped?.DType ?? DType.Float32,
            };
            if (mapped?.DType == type) return OnDefaultEngine(mapped);
            mapped?.Dispose();
            return Read(path, Tensor.Empty(shape, type));
        }

        return Read(path, Tensor.Empty(shape));
    }

    private static Tensor OnDefaultEngine(Tensor mapped)
    {
        if (ReferenceEquals(mapped.Engine, Engine.Default)) return mapped;
        using var host = mapped;
        return host.To(Engine.Default);
    }

    private Tensor Read(string path, Tensor target)
    {
        try
        {
            _source!.Read(path, target);
            return target;
        }
        catch
        {
            target.Dispose();
            throw;
        }
    }
}

/// <summary>Where stored parameters are read from.</summary>
public interface IParameterSource
{
    /// <summary>The shape of an entry, or null where there is none.</summary>
    Shape? ShapeOf(string path);

    /// <summary>Reads an entry, converted to the element type of the target.</summary>
    void Read(string path, Tensor target);

    /// <summary>Looks through an entry that is used where it lies; <see cref="Read"/> does so by itself.</summary>
    /// <exception cref="SightlineException">BadModel: it holds NaN or infinity.</exception>
    void RequireFinite(string path)
    {
    }

    /// <summary>
    /// An entry where it lies, in the element type in which it is stored, to be read only; null where that cannot be. The caller disposes it; it stays
    /// valid after the source is closed.
    /// </summary>
    Tensor? Map(string path) => null;

    /// <summary>A matrix that is stored quantized, or null where the path has none. The caller disposes it; it stays valid after the source is closed.</summary>
    QuantizedWeight? MapQuantized(string path) => null;
}

/// <summary>A place in the tree of a model: <c>scope / "blocks" / 3 / "attention"</c>.</summary>
public readonly struct ParameterScope(ParameterStore store, string path)
{
    /// <summary>The dotted path so far.</summary>
    public string Path => path;

    /// <summary>One level down.</summary>
    public static ParameterScope operator /(ParameterScope scope, string name) => scope.Child(name);

    /// <summary>One level down, by position.</summary>
    public static ParameterScope operator /(ParameterScope scope, int index) =>
        scope.Child(index.ToString(System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>The parameter with this name here.</summary>
    public Tensor Get(string name, Shape shape, Initializer initializer, bool table = false) => store.Get(Child(name).Path, shape, initializer, table);

    /// <summary>The matrix of a linear layer with this name here, dense or quantized.</summary>
    internal (Tensor? Dense, QuantizedWeight? Quantized) GetLinear(string name, Shape shape, Initializer initializer) => store.GetLinear(Child(name).Path, shape, initializer);

    /// <summary>The low-rank adapter of the linear layer here, or null.</summary>
    internal LoraAdapter? GetAdapter(int outputs, int inputs) => store.Adapters?.Of(path, outputs, inputs);

    /// <summary>Tells <see cref="ParameterStore.LinearInputs"/> of an input.</summary>
    internal void Watch(string name, Tensor x) => store.LinearInputs?.Invoke(Child(name).Path, x);

    /// <summary>Whether anyone listens to <see cref="Watch"/>.</summary>
    internal bool IsWatched => store.LinearInputs is not null;

    private ParameterScope Child(string name) => new(store, path.Length == 0 ? name : $"{path}.{name}");
}
