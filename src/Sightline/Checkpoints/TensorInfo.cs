namespace Sightline.Checkpoints;

/// <summary>Where a tensor lies in a checkpoint and what it holds.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Type">Element type in the file.</param>
/// <param name="Sizes">Sizes of the axes, slowest first; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="Bytes">Bytes of all elements.</param>
/// <param name="File">Path of the file.</param>
public sealed record TensorInfo(string Name, SafetensorsType Type, IReadOnlyList<long> Sizes, long Offset, long Bytes, string File)
{
    /// <summary>Number of elements.</summary>
    public long Count => Bytes / Type.Size();

    /// <summary>As in tables and messages: <c>F32 [64, 112]</c>.</summary>
    public override string ToString() => $"{Type.FileName()} [{string.Join(", ", Sizes)}]";
}
