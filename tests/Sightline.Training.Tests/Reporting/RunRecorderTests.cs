using System.Text.RegularExpressions;
using Sightline.Tensors.Memory;
using Sightline.Testing;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;
using Sightline.Training.Reporting;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Reporting;

[Collection(Alone.Name)]
public sealed class RunRecorderTests : IDisposable
{
    private static readonly string[] Short =
        ["stages[0].steps=2", "stages[1].steps=4", "stages[1].validate_every=2", "stages[1].save_every=2", "validation[0].scenes.count=2", "name=\"a <b> & c\""];

    private readonly long _liveBefore = NativePool.Shared.LiveBytes;
    private readonly RunPlace _place = new();

    public void Dispose()
    {
        _place.Dispose();
        Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public void A_run_is_written_down()
    {
        using var folder = _place.Folder();
        using var trainer = new GroundingTrainer(TinyRun.Recipe([.. Short, "train[0].scenes.count=5"]), folder);
        using var recorder = new RunRecorder(folder, trainer.Recipe);
        var outcome = trainer.Run(recorder, CancellationToken.None);
        var report = File.ReadAllText(recorder.Finish(trainer, outcome, new ScoreProvenance("sightline train x", 3, "abc123", "a machine")));
        Assert.Contains("a &lt;b&gt; &amp; c", report, StringComparison.Ordinal);
        Assert.Equal(2, Regex.Count(report, "data:image/jpeg;base64,[A-Za-z0-9+/=]{100}"));
        Assert.Contains("validation accuracy", report, StringComparison.Ordinal);
        Assert.DoesNotContain("http", report, StringComparison.Ordinal);
        var lines = TrainingLog.Read(Path.Combine(folder.Path, "metrics.jsonl"));
        Assert.Equal([(0, 1), (0, 2), (1, 1), (1, 2), (1, 3), (1, 4)], lines.Where(line => line.Group == "train").Select(line => (line.Stage, line.Step)));
        Assert.Equal([(1, 2), (1, 4)], lines.Where(line => line.Group == "held out").Select(line => (line.Stage, line.Step)));
        var card = File.ReadAllText(Path.Combine(outcome.ModelFolder, "README.md"));
        foreach (var part in new[] { "abc123", "a machine", "sightline train x", "| held out | 2 |", "generated scenes", "## Limits", "\"seed\": 3" })
            Assert.Contains(part, card, StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_that_goes_on_has_every_step_once()
    {
        using var folder = _place.Folder();
        var recipe = TinyRun.Recipe(Short);
        using (var stop = new CancellationTokenSource())
        using (var trainer = new GroundingTrainer(recipe, folder))
        using (var recorder = new RunRecorder(folder, recipe))
            Assert.False(trainer.Run(new Both(recorder, step => { if (step is { Stage: 1, Step: 3 }) stop.Cancel(); }), stop.Token).Completed);

        var path = Path.Combine(folder.Path, "metrics.jsonl");
        // what a killed process may leave: steps after its last checkpoint, and half a line
        File.AppendAllText(path, """{"stage":1,"step":4,"group":"train","values":{"loss":99}}""" + "\n" + """{"stage":1,"st""");
        using (var trainer = new GroundingTrainer(recipe, folder))
        using (var recorder = new RunRecorder(folder, recipe))
            Assert.True(trainer.Run(recorder, CancellationToken.None).Completed);

        var lines = TrainingLog.Read(path);
        Assert.Equal(6, lines.Count(line => line.Group == "train"));
        Assert.Equal(6, lines.Where(line => line.Group == "train").Select(line => (line.Stage, line.Step)).Distinct().Count());
        Assert.DoesNotContain(lines, line => line.Values.TryGetValue("loss", out var loss) && loss == 99);
        Assert.Equal(2, lines.Count(line => line.Group == "held out"));
    }

    [Fact]
    public void A_damaged_checkpoint_falls_back_to_the_one_before()
    {
        using var folder = _place.Folder();
        using (var trainer = new GroundingTrainer(TinyRun.Recipe(Short), folder)) trainer.Run(new Watcher(), CancellationToken.None);
        var newest = Directory.GetFiles(Path.Combine(folder.Path, "checkpoints")).Order(StringComparer.Ordinal).Last();
        File.WriteAllBytes(newest, File.ReadAllBytes(newest)[..1000]);
        Assert.Equal(2, folder.LatestCheckpoint()!.Step);
    }

    private sealed class Both(ITrainingObserver first, Action<TrainingStep> then) : ITrainingObserver
    {
        public void OnStep(TrainingStep step)
        {
            first.OnStep(step);
            then(step);
        }

        public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores) => first.OnValidation(stage, step, scores);

        public void OnCheckpoint(string folder) => first.OnCheckpoint(folder);
    }
}
