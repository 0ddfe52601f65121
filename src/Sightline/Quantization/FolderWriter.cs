using Sightline.Checkpoints;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Quantized;

namespace Sightline.Quantization;

/// <summary>The weights of a quantized folder: matrices are quantized one by one while the file is written, and measured then.</summary>
internal sealed class FolderWriter(QuantizableModel source, WeightPlan plan, IReadOnlyList<PlannedLayer> layers, LayerInputs? inputs, Action<string>? progress, CancellationToken cancellation)
{
    private readonly Dictionary<string, PlannedLayer> _layers = layers.ToDictionary(layer => layer.Path, StringComparer.Ordinal);
    private readonly Dictionary<string, (double Weight, double? Output)> _errors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _scales = new(StringComparer.Ordinal);

    /// <summary>What <c>config.json</c> says about the matrices.</summary>
    public QuantizationConfig Config() => new([.. layers.Select(Entry).OfType<QuantizedEntry>()]);

    /// <summary>After <see cref="Save"/>: what became of a layer.</summary>
    public LayerQuantization Report(string path, bool raised)
    {
        var layer = _layers[path];
        var (weight, output) = _errors.TryGetValue(path, out var found) ? found : (0, inputs is null ? null : 0);
        return new LayerQuantization(path, layer.Format, raised, layer.Shape[0], layer.Shape[1], FolderQuantizer.BitsOf(layer.Format, layer), weight, output);
    }

    public void Save(string path)
    {
        var writer = new SafetensorsWriter();
        foreach (var (key, value) in source.Checkpoint.Metadata) writer.Metadata[key] = value;
        foreach (var name in source.Checkpoint.Names)
        {
            if (_layers.TryGetValue(name, out var layer) && Entry(layer) is { } entry)
            {
                AddQuantized(writer, layer, entry);
                if (!source.Parameters.IsAskedDense(name)) continue; // a tied head is a table as well
            }

            AddDense(writer, name);
        }

        try
        {
            writer.Save(path);
        }
        finally
        {
            foreach (var scales in _scales.Values) scales.Dispose();
        }
    }

    private QuantizedEntry? Entry(PlannedLayer layer) => ParameterStore.QuantizedAs(layer.Format, layer.Shape) is { } format
        ? new QuantizedEntry(source.Checkpoint[layer.Path].Name, format, layer.Shape[0], layer.Shape[1])
        : null;

    private void AddQuantized(SafetensorsWriter writer, PlannedLayer layer, QuantizedEntry entry)
    {
        var shapes = QuantizedWeight.PackedShapes(entry.Format, entry.OutputSize, entry.InputSize);
        writer.AddAligned(entry.Name + entry.BlocksSuffix, DType.Int8, shapes.Blocks, () =>
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Invoke($"{entry.FormatName} {layer.Path}");
            using var weight = FolderQuantizer.Weight(source, layer.Path);
            var quantized = QuantizedWeight.Quantize(weight, entry.Format);
            using (var rounded = quantized.Dequantize())
                _errors[layer.Path] = (LayerInputs.Distance(weight.AsSpan<float>(), rounded.AsSpan<float>()), inputs?.OutputError(layer.Path, weight, quantized));
            // its two parts go to the file one by one, and the writer frees each
            if (quantized.PackedScales is { } scales) _scales.Add(entry.Name, scales);
            return quantized.PackedBlocks;
        });
        if (shapes.Scales is not { } shape) return;
        writer.Add(entry.Name + QuantizedEntry.ScalesSuffix, DType.Float32, shape, () => _scales.Remove(entry.Name, out var scales)
            ? scales
            : throw new InvalidOperationException($"the scales of {entry.Name} are written before its numbers"));
    }

    private void AddDense(SafetensorsWriter writer, string name)
    {
        var info = source.Checkpoint[name];
        DType? asked = plan.Of(name) switch { WeightFormat.Float32 => DType.Float32, WeightFormat.BFloat16 => DType.BFloat16, _ => null };
        if (asked is { } type && info.Sizes.Count > 1 && source.Parameters.Wanted.Any(wanted => wanted.Name == name))
        {
            writer.Add(info.Name, type, source.Parameters[name].Value.Shape, () => source.Checkpoint.Load(name, type));
            return;
        }

        using var mapped = source.Checkpoint.Map(name);
        if (mapped is null) writer.Add(info.Name, info.Type, [.. info.Sizes], source.Checkpoint.Raw(name).ToArray());
        else writer.Add(info.Name, mapped.DType, mapped.Shape, () => source.Checkpoint.Map(name)!);
    }
}
