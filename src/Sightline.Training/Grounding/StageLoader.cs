using System.Collections.Concurrent;
using System.Diagnostics;
using Sightline.Tensors;
using Sightline.Training.Recipes;

namespace Sightline.Training.Grounding;

/// <summary>
/// Micro-batches of a stage, prepared on another thread than the step. Batch n holds the samples n·B to n·B + B - 1 of the
/// mixture, whatever came before, so it starts at any step.
/// </summary>
internal sealed class StageLoader : IDisposable
{
    private const int Ahead = 4;
    private const int MostRedraws = 20;
    private readonly ISampleSource _source;
    private readonly StageRecipe _recipe;
    private readonly RandomStream _random;
    private readonly BlockingCollection<object> _ready = new(Ahead);
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _worker;

    public StageLoader(ISampleSource source, StageRecipe recipe, ulong seed, int stage, int firstStep)
    {
        _source = source;
        _recipe = recipe;
        _random = new RandomStream(seed).Fork("samples").Fork((ulong)stage);
        _worker = new Thread(() => Work((long)firstStep * recipe.Accumulate)) { IsBackground = true, Name = "sightline-loader" };
        _worker.Start();
    }

    /// <summary>How long the last <see cref="Next"/> waited.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>The next micro-batch. Throws what the preparing thread met.</summary>
    public IReadOnlyList<TrainingSample> Next()
    {
        var start = Stopwatch.GetTimestamp();
        var next = _ready.Take();
        Waited = Stopwatch.GetElapsedTime(start);
        if (next is Exception error) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error);
        return (IReadOnlyList<TrainingSample>)next;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _worker.Join();
        _ready.Dispose();
        _stop.Dispose();
    }

    private void Work(long batch)
    {
        try
        {
            for (; ; batch++)
            {
                var samples = new TrainingSample[_recipe.Batch];
                for (var i = 0; i < samples.Length; i++) samples[i] = Draw((batch * samples.Length) + i);
                _ready.Add(samples, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception error)
        {
            _ready.Add(error);
        }
    }

    /// <summary>Sample k, or, where it cannot serve the stage, one further on that depends on k alone.</summary>
    private TrainingSample Draw(long k)
    {
        var random = _random.Fork((ulong)k);
        var index = k;
        for (var attempt = 0; attempt < MostRedraws; attempt++)
        {
            var sample = _source.Get(index);
            if (PhraseChoice.Serves(_recipe.Kind, sample)) return PhraseChoice.Limit(sample, _recipe.MaximumPhrases, random);
            index = random.NextInt(int.MaxValue);
        }

        throw new SightlineException(ErrorKind.BadData, $"{_source.Name}: {MostRedraws} samples in a row have no phrase that this stage can use");
    }
}
