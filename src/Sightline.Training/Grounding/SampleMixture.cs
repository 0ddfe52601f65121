namespace Sightline.Training.Grounding;

/// <summary>
/// Several sources in fixed proportions. Who gives sample k is a fixed cycle (each next sample goes to the source
/// that is furthest behind its share), so proportions hold exactly and sample k can be found without counting from the start.
/// </summary>
public sealed class SampleMixture : ISampleSource
{
    private const int Cycle = 1000;
    private readonly IReadOnlyList<ISampleSource> _sources;
    private readonly byte[] _turn = new byte[Cycle];
    private readonly int[] _before = new int[Cycle];
    private readonly int[] _perCycle;

    /// <summary>Sources with positive weights.</summary>
    public SampleMixture(IReadOnlyList<(ISampleSource Source, double Weight)> sources)
    {
        ArgumentNullException.ThrowIfNull(sources);
        if (sources.Count is 0 or > 255) throw new ArgumentException($"a mixture takes 1 to 255 sources, got {sources.Count}");
        _sources = [.. sources.Select(source => source.Source)];
        _perCycle = new int[sources.Count];
        var total = sources.Sum(source => source.Weight);
        for (var k = 0; k < Cycle; k++)
        {
            var next = 0;
            for (var s = 1; s < sources.Count; s++)
            {
                if (Lag(s, k) > Lag(next, k)) next = s;
            }

            _turn[k] = (byte)next;
            _before[k] = _perCycle[next]++;
        }

        double Lag(int s, int k) => (sources[s].Weight / total * (k + 1)) - _perCycle[s];
    }

    /// <inheritdoc/>
    public string Name => string.Join(" + ", _sources.Select(source => source.Name));

    /// <inheritdoc/>
    public int? Count => null;

    /// <inheritdoc/>
    public TrainingSample Get(long index)
    {
        var (cycle, at) = Math.DivRem(index, Cycle);
        var source = _turn[at];
        return _sources[source].Get((cycle * _perCycle[source]) + _before[at]);
    }
}
