using Sightline.Training.Runs;

namespace Sightline.Training.Grounding;

/// <summary>Several sources in fixed proportions (<see cref="MixtureCycle"/>).</summary>
public sealed class SampleMixture : ISampleSource
{
    private readonly IReadOnlyList<ISampleSource> _sources;
    private readonly MixtureCycle _cycle;

    /// <summary>Sources with positive weights.</summary>
    public SampleMixture(IReadOnlyList<(ISampleSource Source, double Weight)> sources)
    {
        ArgumentNullException.ThrowIfNull(sources);
        _sources = [.. sources.Select(source => source.Source)];
        _cycle = new MixtureCycle([.. sources.Select(source => source.Weight)]);
    }

    /// <inheritdoc/>
    public string Name => string.Join(" + ", _sources.Select(source => source.Name));

    /// <inheritdoc/>
    public int? Count => null;

    /// <inheritdoc/>
    public TrainingSample Get(long index)
    {
        var (source, own) = _cycle.At(index);
        return _sources[source].Get(own);
    }
}
