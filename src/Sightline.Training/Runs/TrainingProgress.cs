namespace Sightline.Training.Runs;

/// <summary>One optimizer step, as reported to observers.</summary>
/// <param name="Stage">Index of the stage.</param>
/// <param name="Kind">What the stage does, as in the recipe.</param>
/// <param name="Step">Steps done in this stage, from 1.</param>
/// <param name="Steps">Steps of this stage.</param>
/// <param name="Metrics">Loss and its parts, learning rate, gradient norm; by name.</param>
/// <param name="PicturesPerSecond">Over the last steps.</param>
/// <param name="LoaderWait">Share of the time in which the step waited for samples, over the last steps.</param>
/// <param name="Remaining">Time left in all stages at this speed.</param>
public sealed record TrainingStep(
    int Stage,
    string Kind,
    int Step,
    int Steps,
    IReadOnlyDictionary<string, float> Metrics,
    double PicturesPerSecond,
    double LoaderWait,
    TimeSpan Remaining);

/// <summary>Watches a run: progress bars, event files, reports.</summary>
public interface ITrainingObserver
{
    /// <summary>After every optimizer step.</summary>
    void OnStep(TrainingStep step);

    /// <summary>After every measurement on the validation sources.</summary>
    void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores);

    /// <summary>After a checkpoint was written.</summary>
    void OnCheckpoint(string folder);

    /// <summary>After the run went back to a checkpoint: what was reported of later steps has not happened.</summary>
    /// <param name="from">The checkpoint.</param>
    /// <param name="reason">Why, in a sentence.</param>
    void OnRollback(RunCheckpoint from, string reason)
    {
    }
}

/// <summary>How a run ended.</summary>
/// <param name="Completed">False when it was cancelled; it then goes on from its last checkpoint.</param>
/// <param name="ModelFolder">The trained model, when completed.</param>
/// <param name="Scores">The last measurement.</param>
public sealed record TrainingOutcome(bool Completed, string ModelFolder, IReadOnlyList<IMeasurement> Scores);

/// <summary>What a model does on one validation source.</summary>
public interface IMeasurement
{
    /// <summary>The source.</summary>
    string Source { get; }

    /// <summary>Figures by name, for logs; undefined ones are NaN.</summary>
    IReadOnlyDictionary<string, double> Values { get; }

    /// <summary>The figures that matter most, in a few words.</summary>
    string Summary { get; }
}
