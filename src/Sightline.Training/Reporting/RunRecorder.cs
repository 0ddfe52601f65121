using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Imaging.Drawing;
using Sightline.Geometry;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;

namespace Sightline.Training.Reporting;

/// <summary>
/// Keeps what a run says of itself: <c>metrics.jsonl</c>, TensorBoard event files, and <c>report.html</c>, written again after every
/// measurement. Hands every event on to another observer, such as a progress bar.
/// </summary>
public sealed class RunRecorder : ITrainingObserver, IDisposable
{
    private const int PicturesPerSource = 8;
    private readonly TrainingRecipe _recipe;
    private readonly string _folder;
    private readonly ITrainingObserver? _next;
    private readonly TrainingLog _log;
    private readonly TensorBoardWriter _events;

    /// <summary>Opens the files of a run folder; a resumed run goes on in them.</summary>
    public RunRecorder(TrainingRecipe recipe, RunFolder folder, ITrainingObserver? next = null, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        _recipe = recipe;
        _folder = folder.Path;
        _next = next;
        var resumed = folder.LatestCheckpoint();
        _log = new TrainingLog(folder.Path, resumed?.Stage ?? 0, resumed?.Step ?? 0);
        _events = new TensorBoardWriter(Path.Combine(folder.Path, "tensorboard"), clock);
    }

    /// <summary>The report's path.</summary>
    public string ReportPath => Path.Combine(_folder, "report.html");

    /// <inheritdoc/>
    public void OnStep(TrainingStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var values = step.Metrics.ToDictionary(metric => metric.Key, metric => (double)metric.Value);
        values["pictures_per_second"] = step.PicturesPerSecond;
        values["loader_wait"] = step.LoaderWait;
        _log.Add(new LogLine(step.Stage, step.Step, "train", values), flush: step.Step % 10 == 0);
        _events.Scalars(GlobalStep(step.Stage, step.Step), values.Select(value => KeyValuePair.Create($"train/{value.Key}", (float)value.Value)));
        if (step.Step % 10 == 0) _events.Flush();
        _next?.OnStep(step);
    }

    /// <inheritdoc/>
    public void OnValidation(int stage, int step, IReadOnlyList<GroundingScore> scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        foreach (var score in scores)
        {
            var line = LogLine.From(stage, step, score);
            _log.Add(line, flush: true);
            _events.Scalars(GlobalStep(stage, step), line.Values.Where(value => double.IsFinite(value.Value)).Select(value => KeyValuePair.Create($"{score.Source}/{value.Key}", (float)value.Value)));
        }

        _events.Flush();
        TrainingReport.Write(ReportPath, _recipe, _log.Lines, scores, []);
        _next?.OnValidation(stage, step, scores);
    }

    /// <inheritdoc/>
    public void OnCheckpoint(string folder) => _next?.OnCheckpoint(folder);

    /// <summary>Writes the final report, with what the model now finds in validation samples.</summary>
    public void Finish(GroundingTrainer trainer, IReadOnlyList<GroundingScore> scores)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        using var model = new FusionGroundingModel(trainer.Model, trainer.Processor, ownsModel: false);
        using var grounder = Grounder.For(model);
        var pictures = trainer.Validation.SelectMany(source => Pictures(source, grounder)).ToList();
        TrainingReport.Write(ReportPath, _recipe, _log.Lines, scores, pictures);
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        _log.Dispose();
        _events.Dispose();
    }

    /// <summary>Samples spread over a source: the model's boxes solid, the labels dashed.</summary>
    private static IEnumerable<ReportPicture> Pictures(ISampleSource source, Grounder grounder)
    {
        var count = Math.Min(source.Count ?? PicturesPerSource, PicturesPerSource);
        var stride = Math.Max(1, (source.Count ?? count) / Math.Max(1, count));
        for (var i = 0; i < count; i++)
        {
            var sample = source.Get((long)i * stride);
            var picture = sample.Canvas.Canvas;
            var result = grounder.Ground(picture, sample.Phrases);
            var truths = sample.Targets.SelectMany((objects, p) => objects.Select(o => sample.Objects[o]).Select(box =>
                new Annotation(new Box(box.X1, box.Y1, box.X2, box.Y2, CoordinateFrame.Unit), "") { Dashed = true }));
            var found = result.Detections.Select(detection => new Annotation(detection.Box, detection.Phrase, detection.Score));
            yield return new ReportPicture(sample.Name, string.Join("; ", sample.Phrases), picture.Draw([.. truths, .. found]).Encode(PictureFormat.Jpeg, 85));
        }
    }

    private long GlobalStep(int stage, int step) => _recipe.Stages.Take(stage).Sum(earlier => (long)earlier.Steps) + step;
}
