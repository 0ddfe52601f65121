namespace Sightline.Training.Evaluation;

/// <summary>How intervals are made: by drawing the pictures again, with replacement (Efron 1979; percentile intervals).</summary>
/// <param name="Samples">Number of redrawn sets.</param>
/// <param name="Level">Share of the redrawn figures that the interval holds.</param>
/// <param name="Seed">The same seed gives the same interval.</param>
public sealed record BootstrapOptions(int Samples = 1000, double Level = 0.95, ulong Seed = 0)
{
    internal void Check()
    {
        if (Samples < 2) throw new SightlineException(ErrorKind.Usage, $"a bootstrap needs at least 2 samples, got {Samples}");
        if (!(Level > 0 && Level < 1)) throw new SightlineException(ErrorKind.Usage, $"the level of an interval lies between 0 and 1, got {Level}");
    }
}
