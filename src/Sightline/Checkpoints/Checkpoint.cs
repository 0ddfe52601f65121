using System.Text.Json;
using Sightline.Tensors;
using Sightline.Tensors.Quantized;

namespace Sightline.Checkpoints;

/// <summary>
/// A model's weights by name, from one safetensors file or from several with an index
/// (<c>model.safetensors.index.json</c>). Names can be translated on opening, so that layers see one naming whichever
/// library wrote the file.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private readonly List<SafetensorsFile> _files;
    private readonly Dictionary<string, (SafetensorsFile File, TensorInfo Info)> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, QuantizedEntry> _quantized = new(StringComparer.Ordinal);

    private Checkpoint(string path, List<SafetensorsFile> files, Func<string, string?>? rename, QuantizationConfig? quantization)
    {
        Path = path;
        _files = files;
        foreach (var file in files)
        {
            foreach (var info in file.Tensors.Values)
            {
                var name = rename is null ? info.Name : rename(info.Name);
                if (name is not null && !_tensors.TryAdd(name, (file, info)))
                    throw new SightlineException(ErrorKind.BadModel, $"{file.Path}: the tensor {SafetensorsHeader.Quote(name)} comes twice in {path}: remove the copy or fetch the checkpoint again.");
            }
        }

        foreach (var entry in quantization?.Entries ?? [])
        {
            if ((rename is null ? entry.Name : rename(entry.Name)) is { } name) _quantized[name] = Checked(entry, name);
        }
    }

    /// <summary>What was opened.</summary>
    public string Path { get; }

    /// <summary>All names, in the order of the files.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>The metadata of all files; the first file wins.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _files
        .SelectMany(file => file.Metadata)
        .DistinctBy(pair => pair.Key)
        .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);

    /// <summary>Bytes of all tensors.</summary>
    public long Bytes => _tensors.Values.Sum(tensor => tensor.Info.Bytes);

    /// <summary>What is stored under a name.</summary>
    /// <exception cref="SightlineException">BadModel: nothing is.</exception>
    public TensorInfo this[string name] => Find(name).Info;

    /// <summary>True when there is a tensor of this name.</summary>
    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <summary>True when the matrix of this name is stored quantized.</summary>
    internal bool IsQuantized(string name) => _quantized.ContainsKey(name);

    /// <summary>
    /// Opens a safetensors file, an index file, or a folder that holds <c>model.safetensors</c> or
    /// <c>model.safetensors.index.json</c>.
    /// </summary>
    /// <param name="path">File or folder.</param>
    /// <param name="rename">From the file's name to the model's; null drops the tensor. Must keep what follows a parameter's name.</param>
    /// <param name="quantization">The matrices that are stored quantized; see <see cref="HuggingFaceFolder.ReadQuantization"/>.</param>
    /// <exception cref="SightlineException">NotFound, or BadModel with file and tensor.</exception>
    public static Checkpoint Open(string path, Func<string, string?>? rename = null, QuantizationConfig? quantization = null)
    {
        var file = Directory.Exists(path) ? InFolder(path) : path;
        var files = new List<SafetensorsFile>();
        try
        {
            if (file.EndsWith(".json", StringComparison.OrdinalIgnoreCase)) OpenShards(file, files);
            else files.Add(SafetensorsFile.Open(file));
            return new Checkpoint(path, files, rename, quantization);
        }
        catch
        {
            foreach (var opened in files) opened.Dispose();
            throw;
        }
    }

    /// <summary>Copies a tensor into an engine's memory. See <see cref="SafetensorsFile.Load"/>.</summary>
    public Tensor Load(string name, DType? type = null, Engine? engine = null)
    {
        var (file, info) = Find(name);
        return file.Load(info.Name, type, engine);
    }

    /// <summary>Fills an existing tensor of the same element count, converting to its element type.</summary>
    public void LoadInto(string name, Tensor target)
    {
        var (file, info) = Find(name);
        file.LoadInto(info.Name, target);
    }

    /// <summary>Looks through a tensor, so that no model answers "nothing here" from weights that are no numbers.</summary>
    /// <exception cref="SightlineException">BadModel with file and tensor: it holds NaN or infinity.</exception>
    internal void RequireFinite(string name)
    {
        var (file, info) = Find(name);
        if (file.CountNonFinite(info.Name) is > 0 and var count)
            throw new SightlineException(ErrorKind.BadModel, $"{file.Path}: {count} of the {info.Count} values of the tensor {SafetensorsHeader.Quote(info.Name)} are NaN or infinite: the file is damaged, or training went astray; fetch or train it again.");
    }

    /// <summary>A tensor where it lies in the mapped file, or null. See <see cref="SafetensorsFile.Map"/>.</summary>
    public Tensor? Map(string name)
    {
        var (file, info) = Find(name);
        return file.Map(info.Name);
    }

    /// <summary>A quantized matrix where it lies in the mapped file, or null where this name has none. The caller disposes it; it outlives the checkpoint.</summary>
    public QuantizedWeight? MapQuantized(string name)
    {
        if (!_quantized.TryGetValue(name, out var entry)) return null;
        if (entry.HasScales) RequireFinite(name + QuantizedEntry.ScalesSuffix);
        Tensor Part(string part) => Map(name + part) ?? Load(name + part, engine: Tensors.Cpu.CpuEngine.Instance);
        return QuantizedWeight.FromPacked(Part(entry.BlocksSuffix), entry.HasScales ? Part(QuantizedEntry.ScalesSuffix) : null, entry.Format, entry.OutputSize, entry.InputSize);
    }

    /// <summary>A tensor's raw little-endian bytes (up to 2 GB), valid until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Raw(string name)
    {
        var (file, info) = Find(name);
        return file.Raw(info);
    }

    /// <summary>Compares the checkpoint with a model's parameters; loads nothing.</summary>
    /// <param name="parameters">Names and shapes that the model has.</param>
    /// <param name="checkFinite">Also reads every matched tensor and looks for NaN and infinity.</param>
    /// <param name="cancellation">Noticed before each tensor.</param>
    public FitReport Fit(IEnumerable<(string Name, Shape Shape)> parameters, bool checkFinite = false, CancellationToken cancellation = default)
    {
        List<FitProblem> missing = [], wrong = [], bad = [];
        var used = new HashSet<string>(StringComparer.Ordinal);
        var matched = 0;
        foreach (var (name, shape) in parameters)
        {
            cancellation.ThrowIfCancellationRequested();
            if (_quantized.TryGetValue(name, out var quantized))
            {
                FitQuantized(name, shape, quantized);
                continue;
            }

            if (!_tensors.TryGetValue(name, out var found))
            {
                missing.Add(new FitProblem(name, shape.ToString()));
                continue;
            }

            used.Add(name);
            if (!found.Info.Sizes.SequenceEqual(shape.ToArray().Select(size => (long)size)))
            {
                wrong.Add(new FitProblem(name, $"the model has {shape}, the file {found.Info}"));
                continue;
            }

            matched++;
            if (checkFinite && found.File.CountNonFinite(found.Info.Name) is > 0 and var count)
                bad.Add(new FitProblem(name, $"{count} of {found.Info.Count} elements"));
        }

        var unused = _tensors.Where(pair => !used.Contains(pair.Key)).Select(pair => new FitProblem(pair.Key, pair.Value.Info.ToString())).ToList();
        return new FitReport(Path, matched, missing, unused, wrong, bad);

        void FitQuantized(string name, Shape shape, QuantizedEntry quantized)
        {
            used.UnionWith([name, name + quantized.BlocksSuffix, name + QuantizedEntry.ScalesSuffix]);
            if (shape != new Shape(quantized.OutputSize, quantized.InputSize)) wrong.Add(new FitProblem(name, $"the model has {shape}, the file {quantized}"));
            else if (checkFinite && quantized.HasScales && Find(name + QuantizedEntry.ScalesSuffix) is var scales && scales.File.CountNonFinite(scales.Info.Name) is > 0 and var count) bad.Add(new FitProblem(name, $"{count} scales"));
            else matched++;
        }
    }

    /// <summary>
    /// Fills a model's parameters, each in its own element type. Nothing is written unless all of them fit.
    /// </summary>
    /// <param name="parameters">Names and tensors of the model.</param>
    /// <param name="mayMiss">Parameters that keep their values when the checkpoint lacks them (a new head); they stay in the report.</param>
    /// <param name="checkFinite">Refuse NaN and infinity.</param>
    /// <exception cref="SightlineException">BadModel: something is missing, has another shape, or is not finite.</exception>
    public FitReport LoadInto(IEnumerable<(string Name, Tensor Tensor)> parameters, Func<string, bool>? mayMiss = null, bool checkFinite = true)
    {
        var list = parameters.ToList();
        var report = Fit(list.Select(parameter => (parameter.Name, parameter.Tensor.Shape)), checkFinite);
        var required = report with { Missing = report.Missing.Where(problem => mayMiss is null || !mayMiss(problem.Name)).ToList() };
        required.ThrowIfUnusable();
        foreach (var (name, tensor) in list)
        {
            if (Contains(name)) LoadInto(name, tensor);
        }

        return report;
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    /// <summary>A quantized matrix of which all parts are there, in their types and shapes.</summary>
    private QuantizedEntry Checked(QuantizedEntry entry, string name)
    {
        var shapes = QuantizedWeight.PackedShapes(entry.Format, entry.OutputSize, entry.InputSize);
        Check(entry.BlocksSuffix, SafetensorsType.I8, shapes.Blocks);
        if (shapes.Scales is { } scales) Check(QuantizedEntry.ScalesSuffix, SafetensorsType.F32, scales);
        return entry;

        void Check(string part, SafetensorsType type, Shape shape)
        {
            if (!_tensors.TryGetValue(name + part, out var found))
                throw new SightlineException(ErrorKind.BadModel, $"{Path}: the quantized matrix {SafetensorsHeader.Quote(entry.Name)} has no tensor {SafetensorsHeader.Quote(entry.Name + part)}: quantize the model again.");
            if (found.Info.Type != type || !found.Info.Sizes.SequenceEqual(shape.ToArray().Select(size => (long)size)))
                throw new SightlineException(ErrorKind.BadModel, $"{Path}: the tensor {SafetensorsHeader.Quote(entry.Name + part)} is {found.Info} and must be {type.FileName()} {shape} for {entry}: config.json and weights do not belong together, quantize the model again.");
        }
    }

    private (SafetensorsFile File, TensorInfo Info) Find(string name) => _tensors.TryGetValue(name, out var found)
        ? found
        : throw new SightlineException(ErrorKind.BadModel, $"{Path} has no tensor {SafetensorsHeader.Quote(name)}: is it the checkpoint of another model?");

    private static string InFolder(string folder)
    {
        var single = System.IO.Path.Combine(folder, "model.safetensors");
        if (File.Exists(single)) return single;
        var index = single + ".index.json";
        if (File.Exists(index)) return index;
        throw new SightlineException(ErrorKind.BadModel, $"The folder {folder} holds neither model.safetensors nor model.safetensors.index.json: is it a model folder, and was its download complete?");
    }

    private static void OpenShards(string index, List<SafetensorsFile> files)
    {
        using var document = JsonFile.Read(index);
        if (document.RootElement.ValueKind != JsonValueKind.Object
            || !document.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
            throw new SightlineException(ErrorKind.BadModel, $"{index} has no object \"weight_map\": it is no index of a sharded checkpoint.");
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(index))!;
        var shards = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        foreach (var entry in map.EnumerateObject())
        {
            var name = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString()! : string.Empty;
            if (!shards.TryGetValue(name, out var shard))
            {
                // an index from the internet must not reach outside of its folder
                if (name.Length == 0 || name != System.IO.Path.GetFileName(name) || name is "." or ".." || name.Contains('\\', StringComparison.Ordinal))
                    throw new SightlineException(ErrorKind.BadModel, $"{index}: the tensor {SafetensorsHeader.Quote(entry.Name)} is in {SafetensorsHeader.Quote(name)}, which is no file name in the same folder.");
                var path = System.IO.Path.Combine(folder, name);
                if (!File.Exists(path)) throw new SightlineException(ErrorKind.BadModel, $"{index} names {name}, which is not in {folder}: the download is not complete, fetch the missing file.");
                files.Add(shards[name] = shard = SafetensorsFile.Open(path));
            }

            if (!shard.Tensors.ContainsKey(entry.Name))
                throw new SightlineException(ErrorKind.BadModel, $"{index} places the tensor {SafetensorsHeader.Quote(entry.Name)} in {name}, which does not hold it: fetch the checkpoint again.");
        }
    }
}
