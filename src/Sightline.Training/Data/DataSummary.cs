namespace Sightline.Training.Data;

/// <summary>The boxes of one class, in numbers. Sizes are shares of the picture's area.</summary>
/// <param name="Label">The class.</param>
/// <param name="Boxes">Its boxes.</param>
/// <param name="Pictures">Pictures that show it.</param>
/// <param name="MedianArea">Of the boxes, 0..1.</param>
/// <param name="Absent">Pictures in which it is known not to be.</param>
public sealed record ClassSummary(string Label, int Boxes, int Pictures, double MedianArea, int Absent = 0);

/// <summary>A data set in numbers.</summary>
public sealed record DataSummary
{
    public required string Name { get; init; }

    public required DataFormat Format { get; init; }

    public required int Pictures { get; init; }

    /// <summary>Pictures whose file is not there.</summary>
    public required int MissingPictures { get; init; }

    public required int Boxes { get; init; }

    public required int Phrases { get; init; }

    /// <summary>Phrases that mean nothing in their picture.</summary>
    public required int PhrasesWithoutBoxes { get; init; }

    /// <summary>Pictures without any box.</summary>
    public required int EmptyPictures { get; init; }

    /// <summary>Questions with their solutions; 0 for annotations.</summary>
    public int Problems { get; init; }

    /// <summary>Of these: problems about what is not there.</summary>
    public int ProblemsWithoutBoxes { get; init; }

    /// <summary>Most frequent first.</summary>
    public required IReadOnlyList<ClassSummary> Classes { get; init; }

    /// <summary>Pictures by split; "(none)" for those without.</summary>
    public required IReadOnlyList<(string Split, int Pictures)> Splits { get; init; }

    /// <summary>Picture sizes, most frequent first.</summary>
    public required IReadOnlyList<(int Width, int Height, int Pictures)> Sizes { get; init; }

    /// <summary>What the reader passed over.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
