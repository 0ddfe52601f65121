using System.Text.Json;
using System.Text.Json.Nodes;
using Sightline.Checkpoints;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Quantized;

namespace Sightline.Quantization;

/// <summary>
/// Writes a model folder with quantized matrices (layout: docs/guide/quantize.md), to be loaded, mapped, wherever a folder is expected. The new
/// folder appears whole or not at all.
/// </summary>
public static class FolderQuantizer
{
    private static readonly string[] s_weightEndings = [".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx", ".tmp"];

    /// <summary>Quantizes a Qwen-VL or fusion folder.</summary>
    /// <param name="model">The folder with full weights.</param>
    /// <param name="output">The new folder; must not exist, or be empty.</param>
    /// <param name="options">Formats, calibration, budget.</param>
    /// <param name="progress">Told what goes on.</param>
    /// <param name="cancellation">Noticed before each matrix and each calibration case; nothing is left behind.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="SightlineException">
    /// NotFound, BadModel, BadData: what is read is missing or damaged. Usage: nothing to quantize, or a budget without calibration. CannotWrite.
    /// </exception>
    public static QuantizationReport Quantize(string model, string output, QuantizationOptions options, Action<string>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options is { BudgetBits: not null, Calibration: null }) throw new SightlineException(ErrorKind.Usage, "a budget of bits needs calibration inputs: say on what the layers are measured");
        RequireFree(output);
        using var source = QuantizableModel.Open(model, cancellation);
        var layers = LayersOf(source, options.Plan);
        if (layers.Count == 0) throw new SightlineException(ErrorKind.Usage, $"the plan quantizes nothing in {model}: give int8 or int4 for matrices of at least 32 outputs and 64 inputs, a multiple of 32");
        var inputs = Calibrate(source, options, progress, cancellation);
        var formats = options.BudgetBits is { } bits
            ? BitBudget.Spend([.. layers.Select(layer => Measure(source, layer, inputs!, progress, cancellation))], bits)
            : layers.ToDictionary(layer => layer.Path, layer => layer.Format, StringComparer.Ordinal);
        var writer = new FolderWriter(source, options.Plan, [.. layers.Select(layer => layer with { Format = formats[layer.Path] })], inputs, progress, cancellation);
        var removed = WriteFolder(source, output, writer);
        var written = layers.Select(layer => writer.Report(layer.Path, formats[layer.Path] != layer.Format)).ToList();
        return new QuantizationReport(written, source.Checkpoint.Bytes, new FileInfo(Path.Combine(output, "model.safetensors")).Length) { Removed = removed };
    }

    /// <summary>The bits a number of a matrix, its scales included.</summary>
    internal static double BitsOf(WeightFormat format, PlannedLayer layer)
    {
        if (ParameterStore.QuantizedAs(format, layer.Shape) is not { } quantized) return layer.StoredBits;
        var (blocks, scales) = QuantizedWeight.PackedShapes(quantized, layer.Shape[0], layer.Shape[1]);
        return 8.0 * (blocks.Count + ((scales?.Count ?? 0) * sizeof(float))) / layer.Shape.Count;
    }

    internal static Tensor Weight(QuantizableModel source, string path) => source.Checkpoint.Load(path, DType.Float32, CpuEngine.Instance);

    private static List<PlannedLayer> LayersOf(QuantizableModel source, WeightPlan plan) =>
        [.. source.Parameters.Linears.DistinctBy(linear => linear.Path)
            .Select(linear => new PlannedLayer(linear.Path, linear.Shape, plan.Of(linear.Path), 8 * source.Checkpoint[linear.Path].Type.Size()))
            .Where(layer => ParameterStore.QuantizedAs(layer.Format, layer.Shape) is not null)];

    private static LayerInputs? Calibrate(QuantizableModel source, QuantizationOptions options, Action<string>? progress, CancellationToken cancellation)
    {
        if (options.Calibration is not { } calibration) return null;
        progress?.Invoke($"calibrating on {calibration}");
        var inputs = new LayerInputs();
        source.Parameters.LinearInputs = inputs.Add;
        try
        {
            source.Run(calibration, options.Phrases, cancellation);
        }
        finally
        {
            source.Parameters.LinearInputs = null;
        }

        return inputs;
    }

    private static BudgetedLayer Measure(QuantizableModel source, PlannedLayer layer, LayerInputs inputs, Action<string>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        progress?.Invoke($"measuring {layer.Path}");
        using var weight = Weight(source, layer.Path);
        var steps = new List<(WeightFormat, double, double)>();
        foreach (var format in layer.Format == WeightFormat.Int4 ? new[] { WeightFormat.Int4, WeightFormat.Int8 } : [WeightFormat.Int8])
        {
            using var quantized = QuantizedWeight.Quantize(weight, ParameterStore.QuantizedAs(format, layer.Shape)!.Value);
            // a layer that no calibration input reaches has nothing to gain
            steps.Add((format, BitsOf(format, layer), inputs.OutputError(layer.Path, weight, quantized) ?? 0));
        }

        steps.Add((WeightFormat.AsStored, layer.StoredBits, 0));
        return new BudgetedLayer(layer.Path, layer.Shape.Count, steps);
    }

    private static void RequireFree(string output)
    {
        if (File.Exists(output) || (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any()))
            throw new SightlineException(ErrorKind.CannotWrite, $"{output} is there already: give the name of a new folder, nothing was changed.");
    }

    private static IReadOnlyList<string> WriteFolder(QuantizableModel source, string output, FolderWriter weights)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output));
        try
        {
            using var unfinished = UnfinishedFolder.Begin(full);
            foreach (var file in Directory.EnumerateFiles(source.Folder.Path))
            {
                var name = Path.GetFileName(file);
                if (name == "config.json" || name.StartsWith('.') || name.EndsWith(".index.json", StringComparison.Ordinal) || s_weightEndings.Contains(Path.GetExtension(name))) continue;
                File.Copy(file, Path.Combine(unfinished.Path, name));
            }

            var config = JsonNode.Parse(source.Folder.Config.GetRawText())!.AsObject();
            config[QuantizationConfig.Key] = weights.Config().ToJson();
            AtomicFile.WriteText(Path.Combine(unfinished.Path, "config.json"), config.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
            weights.Save(Path.Combine(unfinished.Path, "model.safetensors"));
            unfinished.Finish();
            return unfinished.Removed;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{output} cannot be written ({error.Message.TrimEnd('.')}): check free space and permissions; nothing was changed.", error);
        }
        catch (SightlineException error) when (error.Message.Contains(UnfinishedFolder.PathFor(full), StringComparison.Ordinal))
        {
            throw new SightlineException(error.Kind, error.Message.Replace(UnfinishedFolder.PathFor(full), output, StringComparison.Ordinal), error);
        }
    }
}

/// <summary>A matrix and what the plan makes of it.</summary>
/// <param name="Path">Its path in the model.</param>
/// <param name="Shape">[output, input].</param>
/// <param name="Format">As it is to be written.</param>
/// <param name="StoredBits">Bits a number in the source.</param>
internal sealed record PlannedLayer(string Path, Shape Shape, WeightFormat Format, int StoredBits);
