using Sightline.Nn;

namespace Sightline.Quantization;

/// <summary>What became of a folder.</summary>
/// <param name="Layers">The matrices of linear layers that the plan quantizes, in the order of the model.</param>
/// <param name="BytesBefore">Weights of the source.</param>
/// <param name="BytesAfter">Weights as written.</param>
public sealed record QuantizationReport(IReadOnlyList<LayerQuantization> Layers, long BytesBefore, long BytesAfter)
{
    /// <summary>Folders that killed runs for the same output had left and that were deleted.</summary>
    public IReadOnlyList<string> Removed { get; init; } = [];

    /// <summary>Mean bits a number over <see cref="Layers"/>, scales included.</summary>
    public double Bits => Layers.Sum(layer => layer.Bits * layer.Count) / Layers.Sum(layer => (double)layer.Count);
}

/// <summary>One matrix.</summary>
/// <param name="Path">Its path in the model.</param>
/// <param name="Format">As written.</param>
/// <param name="Raised">Whether the budget gave it more bits than the plan.</param>
/// <param name="OutputSize">Rows.</param>
/// <param name="InputSize">Columns.</param>
/// <param name="Bits">Bits a number, scales included.</param>
/// <param name="WeightError">|W' - W| / |W|, Frobenius; 0 where it is kept as stored.</param>
/// <param name="OutputError">|y' - y| / |y| on the calibration inputs, rounding of the activations included; null where they did not reach it.</param>
public sealed record LayerQuantization(
    string Path, WeightFormat Format, bool Raised, int OutputSize, int InputSize, double Bits, double WeightError, double? OutputError)
{
    /// <summary>How far this layer alone, all others being full, moves boxes: mean distance of their sides as a share of the picture's longer side; null where that was not asked.</summary>
    public double? BoxError { get; init; }

    /// <summary>Numbers.</summary>
    public long Count => (long)OutputSize * InputSize;
}
