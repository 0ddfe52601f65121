using Sightline.Nn;

namespace Sightline.Quantization;

/// <summary>What <see cref="FolderQuantizer"/> makes of a folder.</summary>
/// <param name="Plan">The format of each matrix.</param>
public sealed record QuantizationOptions(WeightPlan Plan)
{
    /// <summary>
    /// Inputs on which the error of each layer's output is measured: for a language model a folder of stored reference cases
    /// (<see cref="Verification.ReferenceFolder"/>), for a fusion model a folder of pictures. Null: errors of the weights alone.
    /// </summary>
    public string? Calibration { get; init; }

    /// <summary>
    /// Mean bits a number of the matrices that the plan quantizes. Layers whose output suffers most from the plan's format go up (int4, int8,
    /// as stored), the most error saved a bit first, while the mean stays within this. Needs <see cref="Calibration"/>.
    /// </summary>
    public double? BudgetBits { get; init; }

    /// <summary>What a fusion model is asked about the pictures of <see cref="Calibration"/>.</summary>
    public IReadOnlyList<string> Phrases { get; init; } = PictureFolder.DefaultPhrases;
}
