namespace Sightline.Training.Evaluation;

/// <summary>
/// How well a model says whether the phrase is in the picture at all ("nothing here"). Matthews correlation weighs both
/// kinds of mistakes whatever the share of absent phrases is (Matthews 1975; Chicco and Jurman 2020).
/// </summary>
/// <param name="TruePositives">Present and said so.</param>
/// <param name="FalsePositives">Absent, but something was given.</param>
/// <param name="TrueNegatives">Absent and said so.</param>
/// <param name="FalseNegatives">Present, but "nothing here".</param>
public sealed record PresenceScore(long TruePositives, long FalsePositives, long TrueNegatives, long FalseNegatives)
{
    /// <summary>Of the Matthews correlation, where asked for.</summary>
    public Interval? Interval { get; init; }

    /// <summary>-1..1; 0 when one side is all alike and the correlation is undefined (as scikit-learn defines it).</summary>
    public double MatthewsCorrelation => Correlation(TruePositives, FalsePositives, TrueNegatives, FalseNegatives);

    /// <summary>Share of right statements; -1 for no samples.</summary>
    public double Accuracy => Share(TruePositives + TrueNegatives, TruePositives + FalsePositives + TrueNegatives + FalseNegatives);

    /// <summary>Share of present phrases that were found present; -1 for none.</summary>
    public double Recall => Share(TruePositives, TruePositives + FalseNegatives);

    /// <summary>Counts statements against the truth.</summary>
    /// <param name="predicted">Whether the model gave something.</param>
    /// <param name="present">Whether it is there.</param>
    /// <param name="bootstrap">For an interval; null for none.</param>
    /// <param name="groups">What is drawn together (<see cref="Bootstrap.Of"/>).</param>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public static PresenceScore Of(IReadOnlyList<bool> predicted, IReadOnlyList<bool> present, BootstrapOptions? bootstrap = null, IReadOnlyList<int>? groups = null)
    {
        if (predicted.Count != present.Count) throw new ArgumentException($"one statement a sample is needed, got {predicted.Count} for {present.Count} samples");
        var kinds = new int[present.Count]; // 2 * predicted + present
        for (var i = 0; i < kinds.Length; i++) kinds[i] = (predicted[i] ? 2 : 0) + (present[i] ? 1 : 0);
        var counts = new long[4];
        foreach (var kind in kinds) counts[kind]++;
        return new PresenceScore(counts[3], counts[2], counts[0], counts[1])
        {
            Interval = bootstrap is null ? null : Bootstrap.Of(kinds.Length, weights => Correlation(kinds, weights), bootstrap, groups),
        };
    }

    private static double Correlation(int[] kinds, ReadOnlySpan<byte> weights)
    {
        Span<long> counts = stackalloc long[4];
        for (var i = 0; i < kinds.Length; i++) counts[kinds[i]] += weights[i];
        return Correlation(counts[3], counts[2], counts[0], counts[1]);
    }

    private static double Correlation(double tp, double fp, double tn, double fn)
    {
        var below = Math.Sqrt(tp + fp) * Math.Sqrt(tp + fn) * Math.Sqrt(tn + fp) * Math.Sqrt(tn + fn);
        return below == 0 ? 0 : ((tp * tn) - (fp * fn)) / below;
    }

    private static double Share(long part, long all) => all == 0 ? -1 : (double)part / all;
}
