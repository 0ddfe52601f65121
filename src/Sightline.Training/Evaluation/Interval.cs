namespace Sightline.Training.Evaluation;

/// <summary>An interval of a figure.</summary>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
/// <param name="Level">Share of the redrawn figures inside, such as 0.95.</param>
public readonly record struct Interval(double Low, double High, double Level)
{
    /// <summary>Stands for an undefined figure.</summary>
    public static Interval Undefined(double level) => new(-1, -1, level);

    /// <summary>The percentile interval of redrawn figures (linear between order statistics, as numpy.percentile).</summary>
    /// <param name="values">Reordered by the call.</param>
    /// <param name="level">Between 0 and 1.</param>
    public static Interval OfPercentiles(Span<double> values, double level)
    {
        if (values.IsEmpty) return Undefined(level);
        values.Sort();
        return new Interval(Percentile(values, (1 - level) / 2), Percentile(values, 1 - ((1 - level) / 2)), level);
    }

    private static double Percentile(ReadOnlySpan<double> sorted, double share)
    {
        var place = share * (sorted.Length - 1);
        var below = (int)Math.Floor(place);
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
    }
}
