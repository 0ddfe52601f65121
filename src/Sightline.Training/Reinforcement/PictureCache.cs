using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;

namespace Sightline.Training.Reinforcement;

/// <summary>Encoded pictures of a step: once each where the vision tower is frozen (those of the sampler, where it has them), with a tape in every pass where it is trained.</summary>
internal sealed class PictureCache(TunedModel model, RolloutSampler? sampler = null) : IDisposable
{
    private readonly bool _trains = model.TrainsVision;
    private readonly Dictionary<PreparedProblem, IReadOnlyList<PictureFeatures>> _known = new(ReferenceEqualityComparer.Instance);

    /// <summary>The image tokens of a problem's pictures; those that were made with a tape, or for a reference, live as long as the tensor scope.</summary>
    public IReadOnlyList<PictureFeatures> Of(PreparedProblem problem, bool isReference)
    {
        if (_trains) return [.. problem.Pictures.Select(picture => PictureEncoding.Encode(model.Network, picture, trains: !isReference))];
        if (sampler?.Encode(problem) is { } sampled) return sampled;
        if (_known.TryGetValue(problem, out var known)) return known;
        using var asSampled = RowIndependence.Require();
        using var off = Tape.NoGrad();
        known = [.. problem.Pictures.Select(picture => model.Network.Encode(picture))];
        _known.Add(problem, known);
        return known;
    }

    public void Dispose()
    {
        foreach (var picture in _known.Values.SelectMany(pictures => pictures)) picture.Dispose();
        _known.Clear();
    }
}
