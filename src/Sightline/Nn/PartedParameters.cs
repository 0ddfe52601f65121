using Sightline.Tensors;

namespace Sightline.Nn;

/// <summary>Parameters of which some parts come from sources of their own: those below a prefix, under the path that follows it.</summary>
/// <param name="parts">Prefix (with its dot) and source; the first that fits is asked, and no other.</param>
/// <param name="rest">Where all else comes from; null: nowhere.</param>
public sealed class PartedParameters(IReadOnlyList<(string Prefix, IParameterSource Source)> parts, IParameterSource? rest) : IParameterSource
{
    /// <inheritdoc/>
    public Shape? ShapeOf(string path)
    {
        var (source, name) = Find(path);
        return source?.ShapeOf(name);
    }

    /// <inheritdoc/>
    public void Read(string path, Tensor target)
    {
        var (source, name) = Find(path);
        (source ?? throw new KeyNotFoundException($"no source holds the parameter '{path}'")).Read(name, target);
    }

    /// <inheritdoc/>
    public Tensor? Map(string path)
    {
        var (source, name) = Find(path);
        return source?.Map(name);
    }

    /// <inheritdoc/>
    public void RequireFinite(string path)
    {
        var (source, name) = Find(path);
        source?.RequireFinite(name);
    }

    private (IParameterSource? Source, string Name) Find(string path)
    {
        foreach (var (prefix, source) in parts)
        {
            if (path.StartsWith(prefix, StringComparison.Ordinal)) return (source, path[prefix.Length..]);
        }

        return (rest, path);
    }
}
