using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Quantized;

namespace Sightline.Checkpoints;

/// <summary>
/// Lets a model take its parameters from a checkpoint. What is read is looked through for NaN and infinity (BadModel); what is mapped is not, since that would
/// read whole files at opening: a language model with such weights ends at its first token.
/// </summary>
public sealed class CheckpointParameters(Checkpoint checkpoint) : IParameterSource
{
    /// <inheritdoc/>
    public Shape? ShapeOf(string path) => checkpoint.Contains(path) ? new Shape([.. checkpoint[path].Sizes.Select(size => checked((int)size))]) : null;

    /// <inheritdoc/>
    public void Read(string path, Tensor target)
    {
        checkpoint.RequireFinite(path);
        checkpoint.LoadInto(path, target);
    }

    /// <inheritdoc/>
    public void RequireFinite(string path) => checkpoint.RequireFinite(path);

    /// <inheritdoc/>
    public Tensor? Map(string path) => checkpoint.Map(path);

    /// <inheritdoc/>
    public QuantizedWeight? MapQuantized(string path) => checkpoint.MapQuantized(path);
}
