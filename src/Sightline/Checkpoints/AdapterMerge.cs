using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Checkpoints;

/// <summary>Adds adapters to the weights that they were trained on: W + scale · B A in float32, rounded to the element type of W.</summary>
public static class AdapterMerge
{
    /// <summary>Writes a model folder with an adapter merged in: the same files and tensors, one tensor in memory at a time.</summary>
    /// <param name="model">The base model's folder.</param>
    /// <param name="adapter">The adapter's folder.</param>
    /// <param name="output">A folder that is not there yet, or is empty.</param>
    /// <returns>How many matrices were changed.</returns>
    /// <exception cref="SightlineException">NotFound, BadModel: the adapter belongs to another model; Usage: the output folder holds files; CannotWrite.</exception>
    public static int Run(string model, string adapter, string output)
    {
        using var folder = HuggingFaceFolder.Open(model);
        if (folder.ReadQuantization() is not null)
            throw new SightlineException(ErrorKind.BadModel, $"{model} is quantized: merge the adapter into the folder with full weights, then quantize the result");
        using var stored = AdapterFolder.Open(adapter);
        if (Directory.Exists(output) && Directory.EnumerateFileSystemEntries(output).Any())
            throw new SightlineException(ErrorKind.Usage, $"the folder {output} is not empty: name a new one for the merged model");
        using var adapters = stored.Load();
        var shards = ModelShards.Of(folder.Path).Select(SafetensorsFile.Open).ToList();
        try
        {
            foreach (var info in shards.SelectMany(shard => shard.Tensors.Values))
            {
                if (LayerOf(info) is { } layer) adapters.Of(layer, (int)info.Sizes[0], (int)info.Sizes[1]);
            }

            stored.RequireUsed(adapters);
            foreach (var shard in shards) Write(shard, adapters, Path.Combine(output, Path.GetFileName(shard.Path)));
        }
        finally
        {
            foreach (var shard in shards) shard.Dispose();
        }

        foreach (var file in Directory.EnumerateFiles(folder.Path).Where(ModelShards.IsCompanion))
            AtomicFile.Write(Path.Combine(output, Path.GetFileName(file)), stream => stream.Write(File.ReadAllBytes(file)));
        return adapters.Layers.Count;
    }

    private static void Write(SafetensorsFile shard, LoraAdapters adapters, string path)
    {
        var writer = new SafetensorsWriter();
        foreach (var (key, value) in shard.Metadata) writer.Metadata[key] = value;
        var byPath = adapters.Layers.ToDictionary(layer => layer.Path, StringComparer.Ordinal);
        foreach (var info in shard.Tensors.Values)
        {
            if (LayerOf(info) is { } layer && byPath.TryGetValue(layer, out var adapter))
            {
                var type = info.Type.NaturalDType() ?? throw new SightlineException(ErrorKind.BadModel, $"{shard.Path}: {info.Name} is {info}, to which no adapter can be added");
                writer.Add(info.Name, type, [(int)info.Sizes[0], (int)info.Sizes[1]], () => Merged(shard, info.Name, adapter, type));
            }
            else
            {
                writer.AddFrom(shard, info);
            }
        }

        writer.Save(path);
    }

    private static Tensor Merged(SafetensorsFile shard, string name, LoraAdapter adapter, DType type)
    {
        using var weight = shard.Load(name, DType.Float32);
        using var delta = adapter.Delta();
        using var sum = Op.Add(weight, delta);
        var result = Tensor.Empty(sum.Shape, type, sum.Engine);
        sum.Engine.Cast(sum, result);
        return result;
    }

    /// <summary>The path of the linear layer whose matrix a tensor may be, or null.</summary>
    private static string? LayerOf(TensorInfo info)
    {
        var name = QwenVlModel.Rename(info.Name);
        return info.Sizes.Count == 2 && name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : null;
    }
}
