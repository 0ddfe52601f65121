using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sightline.Checkpoints;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Quantized;

namespace Sightline.Models;

/// <summary>A model made from a published folder, with the parameters that it runs on.</summary>
public sealed class PublishedModel<TModel>(TModel model, ParameterStore parameters) : IDisposable
{
    /// <summary>The network.</summary>
    public TModel Model => model;

    /// <summary>Its weights, by path.</summary>
    public ParameterStore Parameters => parameters;

    /// <summary>Frees the weights.</summary>
    public void Dispose() => parameters.Dispose();
}

/// <summary>Reads published folders: which architecture, which sizes, which weights.</summary>
internal static class PublishedFolder
{
    /// <summary>Opens a folder that must hold one of these architectures.</summary>
    /// <exception cref="SightlineException">NotFound, or BadModel: it holds another one.</exception>
    public static HuggingFaceFolder Open(string path, params ReadOnlySpan<string> modelTypes)
    {
        var folder = HuggingFaceFolder.Open(path);
        if (modelTypes.Contains(folder.ModelType)) return folder;
        var found = folder.ModelType;
        folder.Dispose();
        throw new SightlineException(ErrorKind.BadModel, $"{path} holds a model of type '{found}', but '{string.Join("' or '", modelTypes.ToArray())}' is needed: give the folder of such a model");
    }

    /// <summary>Makes a model and fills it from the folder's weights.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="rename">From the file's names to the model's.</param>
    /// <param name="make">Makes the model at a scope; is told which parameters the file holds.</param>
    /// <exception cref="SightlineException">BadModel: a tensor is missing or has another shape.</exception>
    public static PublishedModel<TModel> Load<TModel>(HuggingFaceFolder folder, Func<string, string?>? rename, Func<ParameterScope, Func<string, bool>, TModel> make)
    {
        using var checkpoint = folder.OpenCheckpoint(rename);
        var parameters = ParameterStore.From(new CheckpointParameters(checkpoint));
        try
        {
            var model = make(parameters.Root, checkpoint.Contains);
            parameters.RequireComplete(folder.Path);
            return new PublishedModel<TModel>(model, parameters);
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
    }

    /// <summary>Makes a model for inference from the folder's weights, which stay in the mapped files where the plan leaves them as they are stored.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="rename">From the file's names to the model's.</param>
    /// <param name="plan">The format of each matrix.</param>
    /// <param name="checkFinite">Also reads all weights and refuses NaN and infinity.</param>
    /// <param name="make">Makes the model at a scope.</param>
    /// <param name="adapters">Added to its linear layers.</param>
    /// <param name="cancellation">Noticed before each matrix that is converted, quantized or checked.</param>
    /// <exception cref="SightlineException">BadModel: a file is missing or damaged, a tensor is missing, has another shape, or is not finite.</exception>
    public static PublishedModel<TModel> Open<TModel>(HuggingFaceFolder folder, Func<string, string?>? rename, WeightPlan plan, bool checkFinite, Func<ParameterScope, TModel> make, LoraAdapters? adapters = null, CancellationToken cancellation = default)
    {
        using var checkpoint = folder.OpenCheckpoint(rename);
        var source = new CheckpointParameters(checkpoint);
        var opened = Make(WeightPlan.AsStored);
        try
        {
            checkpoint.Fit(opened.Parameters.Wanted, checkFinite, cancellation).ThrowIfUnusable();
            if (plan == WeightPlan.AsStored) return opened;
            RequireMemory(folder, checkpoint, opened.Parameters, plan);
        }
        catch
        {
            opened.Dispose();
            throw;
        }

        // nothing is converted or quantized before it is known that all fits
        opened.Dispose();
        return Make(plan);

        PublishedModel<TModel> Make(WeightPlan formats)
        {
            var parameters = ParameterStore.Open(source, formats, adapters, cancellation);
            try
            {
                return new PublishedModel<TModel>(make(parameters.Root), parameters);
            }
            catch
            {
                parameters.Dispose();
                throw;
            }
        }
    }

    /// <summary>What is not kept as it lies in the file must fit into memory; said before the first matrix is converted.</summary>
    private static void RequireMemory(HuggingFaceFolder folder, Checkpoint checkpoint, ParameterStore parameters, WeightPlan plan)
    {
        long bytes = 0;
        var quantized = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (path, shape) in parameters.Linears.DistinctBy(linear => linear.Path))
        {
            if (ParameterStore.QuantizedAs(plan.Of(path), shape) is { } format)
            {
                quantized.Add(path);
                var (blocks, scales) = QuantizedWeight.PackedShapes(format, shape[0], shape[1]);
                if (!checkpoint.IsQuantized(path)) bytes += blocks.Count + ((scales?.Count ?? 0) * sizeof(float));
            }
            else if (checkpoint.IsQuantized(path))
            {
                bytes += Converted(plan.Of(path), null) * shape.Count;
            }
        }

        foreach (var parameter in parameters.All)
        {
            var isPacked = quantized.Contains(parameter.Path) && !parameters.IsAskedDense(parameter.Path);
            if (parameter.Value.Shape.Rank > 1 && !isPacked) bytes += Converted(plan.Of(parameter.Path), parameter.Value.DType) * parameter.Value.Count;
        }

        try
        {
            SystemMemory.Require(bytes);
        }
        catch (OutOfMemoryException error)
        {
            throw new SightlineException(ErrorKind.OutOfMemory, $"{folder.Path}: there is not enough memory for its weights as {plan} ({error.Message}): keep them as stored, or make a folder with sightline quantize once; both stay in the file", error);
        }
    }

    /// <summary>Bytes of a number that is kept in another type than it is stored in; 0 where it is not.</summary>
    private static long Converted(WeightFormat format, DType? stored) => format switch
    {
        WeightFormat.Float32 when stored != DType.Float32 => sizeof(float),
        WeightFormat.BFloat16 when stored != DType.BFloat16 => 2,
        _ => 0,
    };

    /// <summary>How well the folder's weights fit the model that its configuration describes.</summary>
    public static FitReport Fit<TModel>(HuggingFaceFolder folder, Func<string, string?>? rename, bool checkFinite, Func<ParameterScope, TModel> make, CancellationToken cancellation = default)
    {
        using var checkpoint = folder.OpenCheckpoint(rename);
        using var parameters = ParameterStore.Open(new CheckpointParameters(checkpoint), WeightPlan.AsStored);
        _ = make(parameters.Root);
        return checkpoint.Fit(parameters.Wanted, checkFinite, cancellation);
    }

    /// <summary>
    /// A configuration from its JSON object. Keys that the record lacks are ignored, as published files hold many that do not change the network.
    /// Members with a default value are <c>set</c>, not <c>init</c>: generated readers give every <c>init</c> member a value, and a missing key
    /// would be 0 in place of the default.
    /// </summary>
    /// <exception cref="SightlineException">BadModel: a required key is missing or a value has another type.</exception>
    public static T ReadConfig<T>(JsonElement json, JsonTypeInfo<T> type, string where)
    {
        try
        {
            return json.Deserialize(type) ?? throw new SightlineException(ErrorKind.BadModel, $"{where} holds no configuration: fetch it again");
        }
        catch (JsonException error)
        {
            var end = error.Message.IndexOf(" Path:", StringComparison.Ordinal);
            var problem = end > 0 ? error.Message[..end] : error.Message;
            var key = error.Path is { Length: > 2 } at ? $"{at[2..]}: " : "";
            throw new SightlineException(ErrorKind.BadModel, $"{where} does not describe the model that its model_type names: {key}{problem}", error);
        }
    }

    /// <summary>Ends with one sentence unless the condition holds.</summary>
    public static void Require(bool holds, string where, string problem)
    {
        if (!holds) throw new SightlineException(ErrorKind.BadModel, $"{where} cannot be used: {problem}");
    }

    /// <summary>The name without a prefix that some files have and others lack.</summary>
    public static string WithoutPrefix(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
}
