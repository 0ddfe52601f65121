namespace Sightline.Training.Runs;

/// <summary>One stage of a run, opened where it stands: what <see cref="RunLoop"/> asks of it.</summary>
internal interface IRunStage : IDisposable
{
    /// <summary>Weights, moments and counters.</summary>
    StageState State { get; }

    /// <summary>As in the recipe.</summary>
    string Kind { get; }

    /// <summary>Pictures or problems a step, for the speed.</summary>
    int SamplesAStep { get; }

    /// <summary>How long the last step waited for its samples.</summary>
    TimeSpan Waited { get; }

    /// <summary>What to do when a step ends in <see cref="TripwireException"/>: go back to the last checkpoint at most so many times, then stop.</summary>
    int MostRollbacks { get; }

    /// <summary>Runs the step after <see cref="StageState.Step"/> and gives its figures. The counter is the caller's.</summary>
    /// <exception cref="OperationCanceledException">Cancelled before the state was changed.</exception>
    IReadOnlyDictionary<string, float> RunStep(CancellationToken cancellation);

    /// <summary>Told after other weights were put back: what was computed with the old ones is of no use.</summary>
    void OnRestored()
    {
    }

    /// <summary>Measures the model as it stands on all validation sources.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    IReadOnlyList<IMeasurement> Measure(CancellationToken cancellation);
}

/// <summary>A figure of a step has left the range in which training makes sense. The weights may have been changed since the last checkpoint.</summary>
/// <param name="reason">Stage, step, figure and its limit, in a sentence without its full stop.</param>
internal sealed class TripwireException(string reason) : Exception(reason);
