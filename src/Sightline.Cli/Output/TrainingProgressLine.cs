using System.Globalization;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;

namespace Sightline.Cli.Output;

/// <summary>
/// The progress of a run on stderr: one line that renews itself where a person watches, else a line now and then, so that a log
/// file stays short.
/// </summary>
internal sealed class TrainingProgressLine(Terminal terminal, TrainingRecipe recipe, TimeProvider? clock = null) : ITrainingObserver
{
    private const int BarWidth = 24;
    private static readonly TimeSpan Watched = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Logged = TimeSpan.FromSeconds(15);
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private long? _last;
    private bool _open;

    public void OnStep(TrainingStep step)
    {
        var now = _clock.GetTimestamp();
        var pause = terminal.IsInteractive ? Watched : Logged;
        if (_last is { } last && _clock.GetElapsedTime(last, now) < pause && step.Step != step.Steps) return;
        _last = now;
        var done = BarWidth * step.Step / step.Steps;
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"stage {step.Stage + 1}/{recipe.Stages.Count} {step.Kind} {step.Step}/{step.Steps} [{new string('#', done)}{new string('.', BarWidth - done)}] loss {step.Metrics.GetValueOrDefault("loss"):0.0000}  {step.PicturesPerSecond:0.0} pictures/s  {Clock(step.Remaining)} left");
        if (step.LoaderWait > 0.05) text += string.Create(CultureInfo.InvariantCulture, $"  (waits for data {step.LoaderWait * 100:0} %)");
        if (terminal.IsInteractive)
        {
            terminal.Error.Write($"\r{text}\u001b[K");
            _open = true;
        }
        else
        {
            terminal.Error.WriteLine(text);
        }
    }

    public void OnValidation(int stage, int step, IReadOnlyList<GroundingScore> scores)
    {
        End();
        foreach (var score in scores)
        {
            var detection = score.Detection is { } found ? $"AP {ScoreTable.Number(found.Stats[0])}, AP50 {ScoreTable.Number(found.Stats[1])}  " : "";
            var expressions = score.Expressions > 0 ? $"accuracy {ScoreTable.Number(score.Accuracy)} (relational {ScoreTable.Number(score.RelationalAccuracy)})" : "";
            terminal.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  step {step}: {score.Source}: {detection}{expressions}"));
        }
    }

    public void OnCheckpoint(string folder)
    {
    }

    /// <summary>Closes the renewed line, so that what follows starts on a new one.</summary>
    public void End()
    {
        if (_open) terminal.Error.WriteLine();
        _open = false;
    }

    /// <summary>Hours only where there are some.</summary>
    public static string Clock(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");
}
