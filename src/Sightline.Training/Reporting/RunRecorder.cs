using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reporting;

/// <summary>
/// Writes down what happens in a run: <c>metrics.jsonl</c> and TensorBoard event files (<c>events/</c>) while it runs,
/// <c>report.html</c> and the model card at the end.
/// </summary>
public sealed class RunRecorder : ITrainingObserver, IDisposable
{
    private const int StepsBetweenFlushes = 20;
    private readonly RunFolder _folder;
    private readonly RunRecipe _recipe;
    private readonly IReadOnlyList<StageSummary> _course;
    private TrainingLog _log;
    private readonly TensorBoardWriter _events;

    /// <summary>Goes on where the folder's last checkpoint stands.</summary>
    /// <param name="folder">The folder of the run.</param>
    /// <param name="recipe">The recipe as it is trained (<see cref="GroundingTrainer.Recipe"/>).</param>
    /// <param name="clock">Gives the wall time of events.</param>
    public RunRecorder(RunFolder folder, RunRecipe recipe, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(recipe);
        _folder = folder;
        _recipe = recipe;
        _course = recipe.Course();
        var from = folder.LatestCheckpoint();
        _log = new TrainingLog(folder.Path, from);
        _events = new TensorBoardWriter(Path.Combine(folder.Path, "events"), clock, from is null ? null : StepOfRun(from.Stage, from.Step) + 1);
    }

    /// <inheritdoc/>
    public void OnStep(TrainingStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var values = new Dictionary<string, double>(step.Metrics.Count + 1);
        foreach (var (name, value) in step.Metrics) values[name] = value;
        values["pictures_per_second"] = step.PicturesPerSecond;
        Add(new LogLine(step.Stage, step.Step, "train", values));
        _log.Flush(); // before the checkpoint of this step: a killed process must not leave a saved step without its line
        if (step.Step % StepsBetweenFlushes == 0) _events.Flush();
    }

    /// <inheritdoc/>
    public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        foreach (var score in scores) Add(LogLine.From(stage, step, score));
        Flush();
    }

    /// <inheritdoc/>
    public void OnCheckpoint(string folder) => Flush();

    /// <inheritdoc/>
    public void OnRollback(RunCheckpoint from, string reason)
    {
        ArgumentNullException.ThrowIfNull(from);
        _log.Dispose();
        _log = new TrainingLog(_folder.Path, from); // every step stands once
        _events.GoBackTo(StepOfRun(from.Stage, from.Step) + 1);
    }

    /// <summary>Writes report and model card of a completed run. Returns the path of the report.</summary>
    /// <param name="trainer">The trainer, its model still in place.</param>
    /// <param name="outcome">What the run gave.</param>
    /// <param name="provenance">Command, commit and machine, for the card.</param>
    public string Finish(GroundingTrainer trainer, TrainingOutcome outcome, ScoreProvenance provenance)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(outcome);
        IReadOnlyList<GroundingScore> scores = [.. outcome.Scores.OfType<GroundingScore>()];
        var report = WriteReport(outcome, Pictures(trainer));
        ModelCard.Write(outcome.ModelFolder, trainer, scores, provenance);
        return report;
    }

    /// <summary>Writes the report of a run as it stands. Returns its path.</summary>
    /// <param name="outcome">What the run gave.</param>
    /// <param name="pictures">What to show in it.</param>
    public string WriteReport(TrainingOutcome outcome, IReadOnlyList<ReportPicture> pictures)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        var report = Path.Combine(_folder.Path, "report.html");
        TrainingReport.Write(report, _recipe, Lines(), outcome.Scores, pictures);
        return report;
    }

    /// <summary>What was logged so far.</summary>
    public IReadOnlyList<LogLine> Lines()
    {
        Flush();
        return TrainingLog.Read(_log.Path);
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        _log.Dispose();
        _events.Dispose();
    }

    private static IReadOnlyList<ReportPicture> Pictures(GroundingTrainer trainer)
    {
        try
        {
            return ValidationPictures.Draw(trainer.Model, trainer.Processor, trainer.Validation);
        }
        catch (SightlineException error) when (error.Kind == ErrorKind.MissingLibrary)
        {
            return []; // generated scenes train without libvips; only encoding pictures needs it
        }
    }

    private void Add(LogLine line)
    {
        _log.Add(line);
        _events.Scalars(StepOfRun(line.Stage, line.Step), line.Values.Where(entry => double.IsFinite(entry.Value))
            .Select(entry => KeyValuePair.Create($"{line.Group}/{entry.Key}", (float)entry.Value)));
    }

    private void Flush()
    {
        _log.Flush();
        _events.Flush();
    }

    /// <summary>Steps counted over all stages: TensorBoard has one axis.</summary>
    private long StepOfRun(int stage, int step) => step + _course.Take(stage).Sum(earlier => (long)earlier.Steps);
}
