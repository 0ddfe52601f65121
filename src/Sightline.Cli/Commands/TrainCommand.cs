using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Reporting;
using Sightline.Training.Runs;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline train</c>: from a recipe to a model folder, resumable at any moment.</summary>
internal sealed class TrainCommand : ToolCommand
{
    private readonly Argument<string> _recipe = new("RECIPE") { Description = "Recipe file (JSON)" };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Folder of the run; default: the recipe's output, else runs/NAME", HelpName = "FOLDER" };
    private readonly Option<bool> _planOnly = new("--plan-only") { Description = "Measure memory and time, train nothing, write nothing" };
    private readonly Option<string[]> _set = new("--set") { Description = "Another value for a key of the recipe, such as stages[1].steps=500; may be repeated", HelpName = "KEY=VALUE" };
    private readonly Option<string?> _batch = new("--batch") { Description = "Pictures a micro-batch in all stages; auto: the largest that fits into memory", HelpName = "N|auto" };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "No plan, no progress" };
    private readonly Option<string?> _json = JsonOption("the outcome");

    public TrainCommand()
        : base(
            "train",
            "Train a model by a recipe; the same command goes on where it was stopped",
            "sightline train recipes/blood-cells.json",
            "sightline train recipes/scenes.json --output runs/try --set stages[1].steps=500 --batch auto",
            "sightline train recipes/scenes.json --plan-only")
    {
        Add(_recipe);
        Add(_output);
        Add(_planOnly);
        Add(_set);
        _batch.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && BatchOf(token.Value) is null) result.AddError($"--batch must be a whole number from 1 or 'auto', not '{token.Value}'");
        });
        Add(_batch);
        Add(_quiet);
        RequireJsonFile(_json);
        Add(_json);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(
                parsed.GetRequiredValue(_recipe), parsed.GetValue(_output), parsed.GetValue(_planOnly), parsed.GetValue(_set) ?? [],
                parsed.GetValue(_batch) is { } batch ? BatchOf(batch) : null, parsed.GetValue(_quiet), JsonTarget(parsed, _json)),
            cancellation)));
    }

    private sealed record Settings(string Recipe, string? Output, bool PlanOnly, string[] Set, int? Batch, bool Quiet, string? Json);

    /// <summary>0 for auto, null for no batch.</summary>
    private static int? BatchOf(string text)
    {
        if (text == "auto") return 0;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var batch) && batch is > 0 and <= 100_000 ? batch : null;
    }

    private int Run(Settings settings, CancellationToken cancellation)
    {
        var recipe = RecipeReader.Read(settings.Recipe, settings.Set);
        if (settings.Batch is { } batch) recipe = recipe with { Stages = [.. recipe.Stages.Select(stage => stage with { Batch = batch })] };
        using var folder = new RunFolder(settings.Output ?? recipe.Output ?? Path.Combine("runs", recipe.Name));
        if (settings.PlanOnly) return PlanOnly(recipe, folder, settings);
        var stored = folder.Open(recipe);
        using var trainer = new GroundingTrainer(stored ?? recipe, folder);
        if (stored is null) Begin(trainer, folder, settings);
        else if (!settings.Quiet) Terminal.Hint(Resumption(folder, stored));
        foreach (var damaged in folder.DamagedCheckpoints) Terminal.Hint($"warning: {damaged} is damaged and passed over: what was trained after the checkpoint before it is trained again");
        using var recorder = new RunRecorder(folder, trainer.Recipe);
        var outcome = settings.Quiet
            ? trainer.Run(recorder, cancellation)
            : TrainingDisplay.Show(Terminal, trainer.Recipe, recorder, observer => trainer.Run(observer, cancellation));
        if (!outcome.Completed)
        {
            Terminal.Hint($"stopped; saved in {folder.Path}. The same command goes on from there: {Terminal.CommandLine}");
            return ExitCode.Interrupted;
        }

        var report = recorder.Finish(trainer, outcome, Provenance.Of(Terminal, trainer.Recipe.Seed));
        if (settings.Json is { } target) WriteJson(target, folder, report, outcome);
        if (settings.Json != JsonOutput.Stdout) WriteTable(outcome, report);
        return ExitCode.Success;
    }

    private int PlanOnly(TrainingRecipe recipe, RunFolder folder, Settings settings)
    {
        using var trainer = new GroundingTrainer(recipe, folder);
        var plan = trainer.Plan();
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => TrainingPlanText.WriteJson(json, plan));
        if (settings.Json != JsonOutput.Stdout) TrainingPlanText.Write(Terminal, plan);
        return ExitCode.Success;
    }

    /// <summary>Measures and shows the plan where it is wanted, and writes down what will be trained.</summary>
    private void Begin(GroundingTrainer trainer, RunFolder folder, Settings settings)
    {
        if (!settings.Quiet || trainer.Recipe.Stages.Any(stage => stage.Batch == 0))
        {
            var plan = trainer.Plan();
            if (!settings.Quiet) TrainingPlanText.Hint(Terminal, plan);
        }

        folder.Store(trainer.Recipe);
    }

    private static string Resumption(RunFolder folder, TrainingRecipe recipe) => folder.LatestCheckpoint() is { } from
        ? string.Create(CultureInfo.InvariantCulture, $"going on in {folder.Path}: stage {from.Stage + 1} of {recipe.Stages.Count}, step {from.Step} of {recipe.Stages[from.Stage].Steps}")
        : $"going on in {folder.Path}: no checkpoint yet, from the start";

    private void WriteTable(TrainingOutcome outcome, string report)
    {
        if (outcome.Scores.Count > 0)
        {
            Terminal.Table(
                ["source", ">AP", ">AP50", ">accuracy", ">of relations", ">presence MCC"],
                outcome.Scores.OfType<GroundingScore>().Select(score => new[]
                {
                    score.Source, ScoreTable.Number(score.Detection?.Stats[0] ?? double.NaN), ScoreTable.Number(score.Detection?.Stats[1] ?? double.NaN),
                    ScoreTable.Number(score.Accuracy), ScoreTable.Number(score.RelationalAccuracy), Signed(score.PresenceMcc),
                }));
        }

        Terminal.Line($"model: {outcome.ModelFolder}");
        Terminal.Line($"report: {report}");
    }

    private static string Signed(double value) => double.IsNaN(value) ? "-" : value.ToString("0.000", CultureInfo.InvariantCulture);

    private void WriteJson(string target, RunFolder folder, string report, TrainingOutcome outcome) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteString("folder", folder.Path);
        json.WriteString("model", outcome.ModelFolder);
        json.WriteString("report", report);
        json.WriteStartArray("scores");
        foreach (var score in outcome.Scores.OfType<GroundingScore>())
        {
            json.WriteStartObject();
            json.WriteString("source", score.Source);
            foreach (var (name, value) in LogLine.From(0, 0, score).Values)
            {
                if (double.IsFinite(value)) json.WriteNumber(name, value);
                else json.WriteNull(name);
            }

            json.WriteNumber("expressions", score.Expressions);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("command", Terminal.CommandLine);
        json.WriteString("commit", BuildInformation.Commit);
        json.WriteString("machine", Machine.Describe());
        json.WriteEndObject();
    });
}
