using System.Globalization;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;
using Spectre.Console;

namespace Sightline.Cli.Output;

/// <summary>
/// What a person sees of a run: a bar a stage with loss, speed and time left. Without a terminal, a line now and then. Passes everything on
/// to the recorder.
/// </summary>
internal sealed class TrainingDisplay : ITrainingObserver
{
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);
    private readonly Terminal _terminal;
    private readonly IReadOnlyList<StageSummary> _course;
    private readonly ITrainingObserver _recorder;
    private readonly IAnsiConsole? _console;
    private readonly ProgressTask[]? _bars;
    private readonly TimeProvider _clock;
    private long _lastLine;
    private double _loss;

    private TrainingDisplay(Terminal terminal, IReadOnlyList<StageSummary> course, ITrainingObserver recorder, IAnsiConsole? console, ProgressTask[]? bars, TimeProvider clock)
    {
        (_terminal, _course, _recorder, _console, _bars, _clock) = (terminal, course, recorder, console, bars, clock);
        _lastLine = clock.GetTimestamp();
    }

    /// <summary>Runs a training with its progress on stderr.</summary>
    public static TrainingOutcome Show(Terminal terminal, RunRecipe recipe, ITrainingObserver recorder, Func<ITrainingObserver, TrainingOutcome> run, TimeProvider? clock = null)
    {
        clock ??= TimeProvider.System;
        var course = recipe.Course();
        if (!terminal.IsInteractive) return run(new TrainingDisplay(terminal, course, recorder, null, null, clock));
        var console = terminal.ProgressConsole();
        return console.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 24 }, new PercentageColumn())
            .Start(context =>
            {
                var bars = course.Select((stage, i) => context.AddTask(Title(course, i), maxValue: stage.Steps)).ToArray();
                return run(new TrainingDisplay(terminal, course, recorder, console, bars, clock));
            });
    }

    public void OnStep(TrainingStep step)
    {
        _recorder.OnStep(step);
        // losses of single batches jump about too much to be read
        var loss = step.Metrics.GetValueOrDefault("loss");
        _loss = step.Step == 1 || _loss == 0 ? loss : (0.95 * _loss) + (0.05 * loss);
        if (_bars is not null)
        {
            for (var earlier = 0; earlier < step.Stage; earlier++) _bars[earlier].Value = _bars[earlier].MaxValue;
            _bars[step.Stage].Value = step.Step;
            _bars[step.Stage].Description = $"{Title(_course, step.Stage)}  {Markup.Escape(Figures(step))}";
            return;
        }

        var now = _clock.GetTimestamp();
        if (step.Step != 1 && step.Step != step.Steps && _clock.GetElapsedTime(_lastLine, now) < BetweenLines) return;
        _lastLine = now;
        _terminal.Hint(string.Create(CultureInfo.InvariantCulture, $"{Title(_course, step.Stage)}  step {step.Step} of {step.Steps}  {Figures(step)}"));
    }

    public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores)
    {
        _recorder.OnValidation(stage, step, scores);
        foreach (var score in scores)
            Line(string.Create(CultureInfo.InvariantCulture, $"stage {stage + 1}, step {step}: {score.Source}: {score.Summary}"));
    }

    public void OnCheckpoint(string folder) => _recorder.OnCheckpoint(folder);

    public void OnRollback(RunCheckpoint from, string reason)
    {
        _recorder.OnRollback(from, reason);
        Line(string.Create(CultureInfo.InvariantCulture, $"{reason}; back to step {from.Step} ({from.Name})"));
    }

    private static string Title(IReadOnlyList<StageSummary> course, int stage) =>
        string.Create(CultureInfo.InvariantCulture, $"stage {stage + 1} of {course.Count} ({course[stage].Kind})");

    private string Figures(TrainingStep step) => string.Create(
        CultureInfo.InvariantCulture,
        $"loss {_loss:0.000}  {step.PicturesPerSecond:0.0} pictures/s{(step.LoaderWait > 0.05 ? $" ({step.LoaderWait * 100:0} % waiting for samples)" : "")}  {TrainingPlanText.Duration(step.Remaining)} left");

    private void Line(string text)
    {
        if (_console is not null) _console.WriteLine(text);
        else _terminal.Hint(text);
    }
}
