using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors;

namespace Sightline.Checkpoints;

/// <summary>Writes a vision-language model whose weights were trained: the folder that it began from, with the new values in the same files, names and element types.</summary>
public static class TunedWeights
{
    /// <summary>Writes the folder; files that are there are replaced one by one.</summary>
    /// <param name="model">The folder that training began from.</param>
    /// <param name="parameters">The trained weights; tensors that they lack stay as they are.</param>
    /// <param name="output">Another folder.</param>
    /// <exception cref="SightlineException">NotFound, BadModel or CannotWrite.</exception>
    public static void Save(string model, ParameterStore parameters, string output)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var folder = HuggingFaceFolder.Open(model);
        foreach (var file in ModelShards.Of(folder.Path))
        {
            using var shard = SafetensorsFile.Open(file);
            var writer = new SafetensorsWriter();
            foreach (var (key, value) in shard.Metadata) writer.Metadata[key] = value;
            foreach (var info in shard.Tensors.Values)
            {
                var path = QwenVlModel.Rename(info.Name);
                if (parameters.Contains(path) && info.Type.NaturalDType() is { } type) writer.Add(info.Name, parameters[path].Value.Shape, type, parameters[path].Value);
                else writer.AddFrom(shard, info);
            }

            writer.Save(Path.Combine(output, Path.GetFileName(file)));
        }

        foreach (var file in Directory.EnumerateFiles(folder.Path).Where(ModelShards.IsCompanion))
            AtomicFile.Write(Path.Combine(output, Path.GetFileName(file)), stream => stream.Write(File.ReadAllBytes(file)));
    }

    private static void Add(this SafetensorsWriter writer, string name, Shape shape, DType type, Tensor value) => writer.Add(name, type, shape, () =>
    {
        var stored = Tensor.Empty(shape, type, value.Engine);
        value.Engine.Cast(value, stored);
        return stored;
    });
}
