using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;
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
    private readonly Option<int?> _preflight = new("--preflight") { Description = "Sample answers to the first N problems, judge them, train nothing", HelpName = "N" };
    private readonly Option<bool> _despite = new("--despite-memory") { Description = "Start even where the plan does not fit into memory" };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "No plan (and no check that memory suffices), no progress" };
    private readonly Option<string?> _json = JsonOption("the outcome");

    public TrainCommand()
        : base(
            "train",
            "Train a model by a recipe; the same command goes on where it was stopped",
            "sightline train recipes/blood-cells.json",
            "sightline train recipes/scenes.json --output runs/try --set stages[1].steps=500 --batch auto",
            "sightline train recipes/scenes.json --plan-only",
            "sightline train recipes/visual-rft/reasoning-grounding.json --preflight 8",
            "mpirun -np 4 sightline train recipes/scenes.json")
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
        Add(_preflight);
        Add(_despite);
        Add(_quiet);
        RequireJsonFile(_json);
        Add(_json);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(
                parsed.GetRequiredValue(_recipe), parsed.GetValue(_output), parsed.GetValue(_planOnly), parsed.GetValue(_set) ?? [],
                parsed.GetValue(_batch) is { } batch ? BatchOf(batch) : null, parsed.GetValue(_quiet), JsonTarget(parsed, _json), parsed.GetValue(_preflight), parsed.GetValue(_despite)),
            cancellation)));
    }

    public override bool DividesItsWork => true;

    private sealed record Settings(string Recipe, string? Output, bool PlanOnly, string[] Set, int? Batch, bool Quiet, string? Json, int? Preflight, bool DespiteMemory);

    /// <summary>0 for auto, null for no batch.</summary>
    private static int? BatchOf(string text)
    {
        if (text == "auto") return 0;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var batch) && batch is > 0 and <= 100_000 ? batch : null;
    }

    private int Run(Settings settings, CancellationToken cancellation)
    {
        if (Ranks.Size > 1 && (settings.PlanOnly || settings.Preflight is not null)) throw new SightlineException(ErrorKind.Usage, "--plan-only and --preflight look at one process: start them without mpirun");
        var read = RecipeReader.ReadAny(settings.Recipe, settings.Set);
        if (read is LanguageRecipe language) return Tune(language, settings, cancellation);
        if (settings.Preflight is not null) throw new SightlineException(ErrorKind.Usage, "--preflight samples answers of a language model (a recipe with model.checkpoint); a grounding model has none");
        var recipe = (TrainingRecipe)read;
        if (settings.Batch is { } batch) recipe = recipe with { Stages = [.. recipe.Stages.Select(stage => stage with { Batch = batch })] };
        using var folder = new RunFolder(settings.Output ?? recipe.Output ?? Path.Combine("runs", recipe.Name), Ranks);
        if (settings.PlanOnly) return PlanOnly(recipe, folder, settings);
        if (!Ranks.IsRoot) return Follow(folder, cancellation);
        var stored = folder.Open(recipe);
        using var trainer = new GroundingTrainer(stored ?? recipe, folder);
        if (stored is null) Begin(trainer, folder, settings);
        else if (!settings.Quiet) Terminal.Hint(Resumption(folder, stored));
        Warn(folder, stored is null ? trainer.Warnings() : []);
        Ranks.Share(trainer.Recipe.ToJson());
        using var recorder = new RunRecorder(folder, trainer.Recipe);
        var outcome = settings.Quiet
            ? trainer.Run(recorder, cancellation)
            : TrainingDisplay.Show(Terminal, trainer.Recipe, recorder, observer => trainer.Run(observer, cancellation));
        if (!outcome.Completed)
        {
            return Stopped(folder);
        }

        var report = recorder.Finish(trainer, outcome, Provenance.Of(Terminal, trainer.Recipe.Seed));
        if (settings.Json is { } target) WriteJson(target, folder, report, outcome, trainer.Recipe.Seed);
        if (settings.Json != JsonOutput.Stdout) WriteTable(outcome, report);
        return ExitCode.Success;
    }

    /// <summary>The same for a language model.</summary>
    private int Tune(LanguageRecipe recipe, Settings settings, CancellationToken cancellation)
    {
        RewardAssemblies.Load(recipe.Stages);
        if (settings.Batch is { } batch) recipe = recipe with { Stages = [.. recipe.Stages.Select(stage => stage with { Batch = batch })] };
        using var folder = new RunFolder(settings.Output ?? recipe.Output ?? Path.Combine("runs", recipe.Name), Ranks);
        if (settings.PlanOnly || settings.Preflight is not null) return TryOnly(recipe, folder, settings, cancellation);
        if (!Ranks.IsRoot) return Follow(folder, cancellation);
        var stored = folder.Open(recipe);
        using var trainer = new PolicyTrainer(stored ?? recipe, folder);
        if (stored is null)
        {
            if (!settings.Quiet || recipe.Stages.Any(stage => stage.Batch == 0))
            {
                var plan = trainer.Plan();
                if (!settings.Quiet) TuningText.Hint(Terminal, plan);
                if (!settings.DespiteMemory) TrainingPlanText.RequireRoom(plan.PeakBytes, plan.AvailableBytes, TuningText.Advice);
            }

            folder.Store(trainer.Recipe);
        }
        else if (!settings.Quiet)
        {
            Terminal.Hint(Resumption(folder, stored));
        }

        Warn(folder, stored is null ? trainer.Warnings() : []);
        Ranks.Share(trainer.Recipe.ToJson());
        using var recorder = new RunRecorder(folder, trainer.Recipe);
        TrainingOutcome outcome;
        try
        {
            outcome = settings.Quiet
                ? trainer.Run(recorder, cancellation)
                : TrainingDisplay.Show(Terminal, trainer.Recipe, recorder, observer => trainer.Run(observer, cancellation));
        }
        catch (SightlineException stopped) when (stopped.Kind == ErrorKind.RunStopped)
        {
            trainer.WriteRollouts(); // the answers show why
            throw;
        }

        trainer.WriteRollouts();
        if (!outcome.Completed) return Stopped(folder);
        var report = recorder.WriteReport(outcome, []);
        foreach (var remark in TuningRemarks.Of(trainer.Recipe, recorder.Lines())) Terminal.Hint($"warning: {remark}");
        if (settings.Json is { } target) WriteJson(target, folder, report, outcome, trainer.Recipe.Seed);
        if (settings.Json == JsonOutput.Stdout) return ExitCode.Success;
        foreach (var score in outcome.Scores) Terminal.Line($"{score.Source}: {score.Summary}");
        Terminal.Line($"{(trainer.Model.Adapters is null ? "model" : "adapters")}: {outcome.ModelFolder}");
        Terminal.Line($"report: {report}");
        return ExitCode.Success;
    }

    /// <summary>Does this process's part of the run that rank 0 has opened and planned.</summary>
    private int Follow(RunFolder folder, CancellationToken cancellation)
    {
        var recipe = RecipeReader.ParseAny(Ranks.Share(null), "the recipe of the run");
        if (!folder.IsThere) throw new SightlineException(ErrorKind.Usage, $"process {Ranks.Rank} does not see the run in {folder.Path} that process 0 has begun: all machines need the folder at the same path (--output names one that they share)");
        if (recipe is LanguageRecipe language)
        {
            using var tuning = new PolicyTrainer(language, folder);
            return tuning.Run(new SilentObserver(), cancellation).Completed ? ExitCode.Success : ExitCode.Interrupted;
        }

        using var trainer = new GroundingTrainer((TrainingRecipe)recipe, folder);
        return trainer.Run(new SilentObserver(), cancellation).Completed ? ExitCode.Success : ExitCode.Interrupted;
    }

    private int TryOnly(LanguageRecipe recipe, RunFolder folder, Settings settings, CancellationToken cancellation)
    {
        using var trainer = new PolicyTrainer(recipe, folder);
        if (settings.Preflight is { } problems)
        {
            if (problems < 1) throw new SightlineException(ErrorKind.Usage, $"--preflight takes a number of problems from 1, not {problems}");
            var found = trainer.Preflight(problems, cancellation);
            if (settings.Json is { } file) JsonOutput.Write(Terminal, file, json => TuningText.WriteJson(json, found));
            if (settings.Json != JsonOutput.Stdout) TuningText.Write(Terminal, found);
            return ExitCode.Success;
        }

        var plan = trainer.Plan();
        if (settings.Json is { } target) JsonOutput.Write(Terminal, target, json => TuningText.WriteJson(json, plan));
        if (settings.Json != JsonOutput.Stdout) TuningText.Write(Terminal, plan);
        return ExitCode.Success;
    }

    private int Stopped(RunFolder folder)
    {
        Terminal.Hint($"stopped; saved in {folder.Path}. The same command goes on from there: {Terminal.CommandLine}");
        return ExitCode.Interrupted;
    }

    private void Warn(RunFolder folder, IReadOnlyList<string> data)
    {
        foreach (var warning in data) Terminal.Hint($"warning: {warning}");
        foreach (var damaged in folder.DamagedCheckpoints) Terminal.Hint($"warning: {damaged} is damaged and passed over: what was trained after the checkpoint before it is trained again");
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
            if (!settings.DespiteMemory) TrainingPlanText.RequireRoom(plan.PeakBytes, plan.AvailableBytes, TrainingPlanText.Advice);
        }

        folder.Store(trainer.Recipe);
    }

    private static string Resumption(RunFolder folder, RunRecipe recipe) => folder.LatestCheckpoint() is { } from
        ? string.Create(CultureInfo.InvariantCulture, $"going on in {folder.Path}: stage {from.Stage + 1} of {recipe.Course().Count}, step {from.Step} of {recipe.Course()[from.Stage].Steps}")
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

    private void WriteJson(string target, RunFolder folder, string report, TrainingOutcome outcome, ulong seed) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteString("folder", folder.Path);
        json.WriteString("model", outcome.ModelFolder);
        json.WriteString("report", report);
        json.WriteStartArray("scores");
        foreach (var score in outcome.Scores)
        {
            json.WriteStartObject();
            json.WriteString("source", score.Source);
            foreach (var (name, value) in LogLine.From(0, 0, score).Values)
            {
                if (double.IsFinite(value)) json.WriteNumber(name, value);
                else json.WriteNull(name);
            }

            if (score is GroundingScore { Expressions: var expressions }) json.WriteNumber("expressions", expressions);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        Provenance.Of(Terminal, seed).WriteJson(json);
        json.WriteEndObject();
    });
}
