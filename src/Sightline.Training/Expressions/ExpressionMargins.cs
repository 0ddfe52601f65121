namespace Sightline.Training.Expressions;

/// <summary>
/// How clear a picture must be before a phrase about it is made. Annotators differ by a few pixels, so an answer may not
/// hang on them: whatever lies inside a margin is neither true nor false, and the phrase is not used.
/// </summary>
public sealed record ExpressionMargins
{
    /// <summary>Smallest difference of two centres along an axis, as a share of that side of the picture.</summary>
    public double Shift { get; init; } = 0.035;

    /// <summary>Smallest ratio of two areas for "larger".</summary>
    public double AreaRatio { get; init; } = 1.4;

    /// <summary>Smallest ratio of two distances for "nearer".</summary>
    public double DistanceRatio { get; init; } = 1.3;

    /// <summary>Half-width of the doubtful band around a border between parts of the picture, as a share of the side.</summary>
    public double RegionBand { get; init; } = 0.06;
}
