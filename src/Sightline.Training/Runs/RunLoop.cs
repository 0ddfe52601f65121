using Sightline.Training.Distributed;
using Sightline.Training.Recipes;

namespace Sightline.Training.Runs;

/// <summary>
/// What every run does around its steps, whatever it trains: go on from the last checkpoint, measure, save, change to the averaged weights between stages,
/// stop when it is told to. The order of samples and every random draw depend on the step number alone, so nothing but weights, moments, averages and
/// counters is saved.
/// </summary>
internal sealed class RunLoop(RunRecipe recipe, RunFolder folder, TimeProvider clock)
{
    private readonly IReadOnlyList<StageSummary> _course = recipe.Course();
    private (int Stage, int Step) _savedAt;
    private readonly Communicator _ranks = folder.Ranks;

    /// <summary>The sources that lie in files, as they are now; asked for once, on rank 0.</summary>
    public required Func<IReadOnlyList<SourceMark>> Data { get; init; }

    /// <summary>The name of the run's last checkpoint; null before the first one.</summary>
    public string? Saved { get; private set; }

    /// <summary>Runs all stages from where the folder's last checkpoint stands, or from the start.</summary>
    /// <param name="open">Makes a stage and puts back what a checkpoint holds.</param>
    /// <param name="finish">Writes the model after the last step.</param>
    /// <param name="measure">Measures the model that was written.</param>
    /// <param name="observer">Told of every step.</param>
    /// <param name="cancellation">Saves a checkpoint and ends.</param>
    /// <returns>The last measurement; null when cancelled.</returns>
    public IReadOnlyList<IMeasurement>? Run(
        Func<int, RunCheckpoint?, IRunStage> open, Action finish, Func<CancellationToken, IReadOnlyList<IMeasurement>>? measure, ITrainingObserver observer, CancellationToken cancellation)
    {
        if (_ranks.IsRoot) folder.RequireSameData(Data());
        var resumed = folder.SharedCheckpoint();
        if (resumed is not null) (Saved, _savedAt) = (resumed.Name, (resumed.Stage, resumed.Step));
        for (var index = resumed?.Stage ?? 0; index < _course.Count; index++)
        {
            using var stage = open(index, resumed);
            var isFresh = resumed is null;
            if (isFresh && index == 0) RankFingerprints.RequireSameWeights(_ranks, stage.State.Parameters);
            resumed = null;
            folder.RequireRoom(stage.State);
            if (stage.MostRollbacks > 0 && isFresh) Save(stage.State, observer); // there must be something to go back to
            var last = index == _course.Count - 1;
            if (!RunStage(stage, observer, cancellation) || (!last && !MeasureEnd(stage, observer, cancellation))) return null;
            // what comes now can be killed, too, and must not train the last steps again
            if (last) Save(stage.State, observer);
            stage.State.Average?.Swap(); // the next stage starts from the averaged weights
            if (!last) continue;
            _ranks.OnRoot(finish);
            return Measure(stage.State, observer, cancellation, measure ?? stage.Measure);
        }

        throw new SightlineException(ErrorKind.BadModel, $"{folder.Path}: the last checkpoint belongs to a recipe with more stages");
    }

    /// <summary>False when cancelled (a checkpoint has then been saved).</summary>
    private bool RunStage(IRunStage stage, ITrainingObserver observer, CancellationToken cancellation)
    {
        var (state, recipe) = (stage.State, stage.State.Recipe);
        var first = state.Step;
        var speed = new SpeedMeter(clock);
        while (state.Step < recipe.Steps)
        {
            // measured first and saved then, so that a saved step is a measured one
            if (IsDue(recipe.ValidateEvery, state.Step) && state.MeasuredStep != state.Step)
            {
                MeasureOnTheWay(stage, observer, cancellation);
                speed.Restart();
            }

            var isCancelled = _ranks.Any(cancellation.IsCancellationRequested);
            if (isCancelled || (IsDue(recipe.SaveEvery, state.Step) && state.Step > first)) Save(state, observer);
            if (isCancelled) return false;
            try
            {
                var metrics = stage.RunStep(cancellation);
                state.Step++;
                speed.Tick(stage.SamplesAStep, stage.Waited);
                observer.OnStep(new TrainingStep(state.Index, stage.Kind, state.Step, recipe.Steps, metrics, speed.PerSecond, speed.WaitShare, speed.Remaining(Left(state))));
            }
            catch (OperationCanceledException) when (_ranks.Size > 1 || cancellation.IsCancellationRequested)
            {
                // nothing has changed yet: the state before the step is saved above
            }
            catch (TripwireException tripped)
            {
                GoBack(stage, tripped, observer);
                speed.Restart();
            }
        }

        return true;
    }

    /// <summary>What the stage brought, before the next one changes it; the last stage is measured with the model that is written. False when cancelled, as <see cref="RunStage"/>.</summary>
    private bool MeasureEnd(IRunStage stage, ITrainingObserver observer, CancellationToken cancellation)
    {
        var state = stage.State;
        if (state.Recipe.ValidateEvery == 0 || state.MeasuredStep == state.Step) return true;
        MeasureOnTheWay(stage, observer, cancellation);
        if (!_ranks.Any(state.MeasuredStep != state.Step)) return true;
        Save(state, observer);
        return false;
    }

    /// <summary>With the averaged weights; what is trained stands afterwards as before.</summary>
    private void MeasureOnTheWay(IRunStage stage, ITrainingObserver observer, CancellationToken cancellation)
    {
        var state = stage.State;
        state.Average?.Swap();
        var scores = Measure(state, observer, cancellation, stage.Measure);
        state.Average?.Swap();
        if (scores is not null) state.MeasuredStep = state.Step;
    }

    private void Save(StageState state, ITrainingObserver observer)
    {
        var file = folder.SaveCheckpoint(state);
        (Saved, _savedAt) = (Path.GetFileName(file), (state.Index, state.Step));
        observer.OnCheckpoint(file);
    }

    /// <summary>Back to the last checkpoint from which a step could be made, with other random draws from there on.</summary>
    /// <exception cref="SightlineException">RunStopped: the recipe does not want it, or it has been done as often as it may.</exception>
    private void GoBack(IRunStage stage, TripwireException tripped, ITrainingObserver observer)
    {
        var (state, rollbacks) = (stage.State, stage.State.Rollbacks);
        var kept = Saved is not { } file ? "nothing had been saved yet"
            : _savedAt == (state.Index, state.Step) ? $"the last checkpoint, {file}, holds the weights with which this step began"
            : $"the last checkpoint, {file}, is good";
        if (rollbacks >= stage.MostRollbacks)
            throw new SightlineException(ErrorKind.RunStopped, $"{tripped.Message}{(rollbacks > 0 ? $", after going back {rollbacks} times" : "")}; {kept}{(Saved is null ? "" : ". With other tripwires the same command goes on from there; other settings need another folder (--output)")}", tripped);
        _ranks.OnRoot(() => folder.RemoveUnproven(state.Index, state.Step));
        var from = folder.SharedCheckpoint()!;
        state.ClearGradients();
        from.Restore(state);
        stage.OnRestored();
        state.Rollbacks = rollbacks + 1;
        Save(state, observer);
        observer.OnRollback(from, tripped.Message);
    }

    private static bool IsDue(int every, int step) => every > 0 && step > 0 && step % every == 0;

    /// <summary>Null when cancelled.</summary>
    private IReadOnlyList<IMeasurement>? Measure(
        StageState state, ITrainingObserver observer, CancellationToken cancellation, Func<CancellationToken, IReadOnlyList<IMeasurement>> measure)
    {
        try
        {
            var scores = measure(cancellation);
            observer.OnValidation(state.Index, state.Step, scores);
            return scores;
        }
        catch (OperationCanceledException) when (_ranks.Size > 1 || cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Steps left, those of later stages included.</summary>
    private int Left(StageState state) => state.Recipe.Steps - state.Step + _course.Skip(state.Index + 1).Sum(later => later.Steps);
}
