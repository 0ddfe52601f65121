using Sightline.Tensors;
using Sightline.Training.Data;
using Sightline.Training.Distributed;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>
/// Micro-batches of a stage, prepared on other threads than the step. Batch n holds the samples n·B to n·B + B - 1 of the
/// mixture, whatever came before, so it starts at any step. Of several processes each takes its part of the samples of a step, in micro-batches of its own.
/// </summary>
internal sealed class StageLoader : IDisposable
{
    private const int MostRedraws = 20;
    private readonly ISampleSource _source;
    private readonly StageRecipe _recipe;
    private readonly RandomStream _random;
    private readonly PrefetchingLoader<TrainingSample> _loader;
    private readonly int _first;
    private readonly int _share;
    private double _waited;

    public StageLoader(ISampleSource source, StageRecipe recipe, ulong seed, int stage, int firstStep, Communicator? ranks = null)
    {
        var total = recipe.Batch * recipe.Accumulate;
        ranks ??= Communicator.Alone;
        ranks.RequireWork(total, stage, "pictures (batch x accumulate)");
        (_first, _share) = ranks.ShareOf(total);
        _source = source;
        _recipe = recipe;
        FirstStep = firstStep;
        _random = new RandomStream(seed).Fork("samples").Fork((ulong)stage);
        _loader = new PrefetchingLoader<TrainingSample>(
            (k, _) => Draw(Number(k)),
            k => $"{source.Name}, sample {Number(k)}",
            new PrefetchOptions { Threads = 1, Capacity = 4 * recipe.Batch },
            start: (long)firstStep * _share);

        long Number(long own) => (own / _share * total) + _first + (own % _share);
    }

    /// <summary>Where the micro-batches of a step lie among all its samples.</summary>
    public IEnumerable<(int First, int Count)> Pieces
    {
        get
        {
            for (var done = 0; done < _share; done += _recipe.Batch) yield return (_first + done, Math.Min(_recipe.Batch, _share - done));
        }
    }

    /// <summary>The step that the first batch belongs to.</summary>
    public int FirstStep { get; }

    /// <summary>How long the last <see cref="Next"/> waited.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>The next samples. Throws what the preparing thread met.</summary>
    public IReadOnlyList<TrainingSample> Next(int count)
    {
        var samples = new TrainingSample[count];
        for (var i = 0; i < samples.Length; i++) samples[i] = _loader.Next();
        var waited = _loader.Statistics.WaitSeconds;
        Waited = TimeSpan.FromSeconds(waited - _waited);
        _waited = waited;
        return samples;
    }

    public void Dispose() => _loader.Dispose();

    /// <summary>Sample k, or, where it cannot serve the stage, one further on that depends on k alone.</summary>
    private TrainingSample Draw(long k)
    {
        var random = _random.Fork((ulong)k);
        var index = k;
        for (var attempt = 0; attempt < MostRedraws; attempt++)
        {
            var sample = _source.Get(index);
            if (PhraseChoice.Serves(_recipe.Kind, sample)) return PhraseChoice.Limit(_recipe.Kind, sample, PhraseChoice.Most(_recipe, random), random);
            index = random.NextInt(int.MaxValue);
        }

        throw new SightlineException(ErrorKind.BadData, $"{_source.Name}: {MostRedraws} samples in a row have no phrase that this stage can use");
    }
}
