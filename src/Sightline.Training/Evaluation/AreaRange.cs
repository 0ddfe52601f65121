namespace Sightline.Training.Evaluation;

/// <summary>A range of areas in square pixels, both ends included; things outside it are ignored, not wrong.</summary>
public readonly record struct AreaRange(string Name, double Low, double High)
{
    /// <summary>The four ranges of COCO and LVIS: all, small, medium, large.</summary>
    public static IReadOnlyList<AreaRange> Coco { get; } =
    [
        new("all", 0, 1e10), new("small", 0, 32 * 32), new("medium", 32 * 32, 96 * 96), new("large", 96 * 96, 1e10),
    ];

    internal bool Excludes(double area) => area < Low || area > High;
}
