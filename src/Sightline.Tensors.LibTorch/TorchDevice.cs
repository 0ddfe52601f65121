using System.Globalization;

namespace Sightline.Tensors.LibTorch;

/// <summary>Where a <see cref="LibTorchEngine"/> computes: the processor (the default), or an NVIDIA GPU by number.</summary>
/// <param name="IsCuda">Whether it is a GPU.</param>
/// <param name="Index">Its number; 0 for the processor.</param>
public readonly record struct TorchDevice(bool IsCuda, int Index)
{
    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <exception cref="FormatException">It is none of them.</exception>
    public static TorchDevice Parse(string text)
    {
        if (text is "cpu") return default;
        if (text is "cuda") return new TorchDevice(true, 0);
        return text.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < 128
            ? new TorchDevice(true, index)
            : throw new FormatException($"'{text}' is no device: cpu, cuda or cuda:N");
    }

    /// <summary><c>cpu</c> or <c>cuda:N</c>.</summary>
    public override string ToString() => IsCuda ? string.Create(CultureInfo.InvariantCulture, $"cuda:{Index}") : "cpu";
}
