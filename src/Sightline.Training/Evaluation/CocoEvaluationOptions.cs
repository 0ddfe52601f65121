namespace Sightline.Training.Evaluation;

/// <summary>How an average precision is computed; the defaults are COCO's.</summary>
public sealed record CocoEvaluationOptions
{
    /// <summary>Boxes or masks.</summary>
    public RegionKind Region { get; init; } = RegionKind.Box;

    /// <summary>0.5, 0.55 ... 0.95 as numpy.linspace(.5, .95, 10) rounds them; at most 64.</summary>
    public IReadOnlyList<double> IouThresholds { get; init; } = Linspace(.5, .95, 10);

    /// <summary>The recalls at which the precision is read: 0, 0.01 ... 1.</summary>
    public IReadOnlyList<double> RecallThresholds { get; init; } = Linspace(0, 1, 101);

    /// <summary>all, small, medium, large; the first is the one of the main numbers.</summary>
    public IReadOnlyList<AreaRange> AreaRanges { get; init; } = AreaRange.Coco;

    /// <summary>Detections a picture and class that count, ascending; AP is given for the last.</summary>
    public IReadOnlyList<int> MaxDetections { get; init; } = [1, 10, 100];

    /// <summary>True leaves the classes out of account (pycocotools: useCats = 0).</summary>
    public bool ClassAgnostic { get; init; }

    /// <summary>Intervals over resampled pictures; null for none.</summary>
    public BootstrapOptions? Bootstrap { get; init; }

    /// <summary>Threads to use; 0 for all. The result does not depend on it.</summary>
    public int Threads { get; init; }

    internal int Workers => Threads > 0 ? Threads : Environment.ProcessorCount;

    internal void Check()
    {
        if (IouThresholds.Count is 0 or > 64) throw new SightlineException(ErrorKind.Usage, $"an evaluation takes 1 to 64 IoU thresholds, got {IouThresholds.Count}");
        if (IouThresholds.Any(t => !(t > 0 && t <= 1))) throw new SightlineException(ErrorKind.Usage, "IoU thresholds lie in (0, 1]");
        if (RecallThresholds.Count == 0 || RecallThresholds.Zip(RecallThresholds.Skip(1)).Any(p => !(p.First < p.Second)))
            throw new SightlineException(ErrorKind.Usage, "recall thresholds must be given, ascending");
        if (MaxDetections.Count == 0 || MaxDetections[0] < 1 || MaxDetections.Zip(MaxDetections.Skip(1)).Any(p => p.First >= p.Second))
            throw new SightlineException(ErrorKind.Usage, $"the numbers of detections that count must be positive and ascending, got [{string.Join(", ", MaxDetections)}]");
        if (AreaRanges.Count == 0) throw new SightlineException(ErrorKind.Usage, "an evaluation needs an area range");
    }

    // numpy.linspace: start + i * step, the last value exact. The thresholds' last bits decide ties.
    internal static double[] Linspace(double start, double stop, int count)
    {
        var step = (stop - start) / (count - 1);
        var values = new double[count];
        for (var i = 0; i < count; i++) values[i] = (i * step) + start;
        values[^1] = stop;
        return values;
    }
}
