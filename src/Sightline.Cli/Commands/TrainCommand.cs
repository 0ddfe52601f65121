using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Reporting;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline train</c>: a model by a recipe; a plan before, progress during, report and model card after.</summary>
internal sealed class TrainCommand : ToolCommand
{
    private readonly Argument<string> _recipe = new("RECIPE") { Description = "Recipe (JSON); see docs/guide/your-own-pictures.md" };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on from the last checkpoint of the run folder" };
    private readonly Option<bool> _planOnly = new("--plan-only") { Description = "Print the plan of memory and time, train nothing" };
    private readonly Option<string[]> _set = new("--set") { Description = "Change the recipe: stages[0].steps=100, seed=7; may be repeated", HelpName = "KEY=VALUE", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _batch = new("--batch") { Description = "Pictures a micro-batch in every stage: a number, or 'auto' for the largest that fits", HelpName = "N" };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Run folder; default: the recipe's, else runs/NAME", HelpName = "FOLDER" };
    private readonly Option<bool> _noPlan = new("--no-plan") { Description = "Start without measuring a plan first" };

    public TrainCommand()
        : base(
            "train",
            "Train a model by a recipe, in two stages",
            "sightline train recipes/blood-cells.json",
            "sightline train recipes/blood-cells.json --resume",
            "sightline train recipes/scenes.json --plan-only --batch auto",
            "sightline train recipes/scenes.json --set seed=7 --set stages[1].steps=500 --output runs/short")
    {
        _batch.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && token.Value != "auto" && !(int.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0))
                result.AddError($"--batch takes a positive number or 'auto', not '{token.Value}'");
        });
        Add(_recipe);
        Add(_resume);
        Add(_planOnly);
        Add(_noPlan);
        Add(_set);
        Add(_batch);
        Add(_output);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(
                parsed.GetRequiredValue(_recipe),
                parsed.GetValue(_resume),
                parsed.GetValue(_planOnly),
                parsed.GetValue(_noPlan),
                parsed.GetValue(_set) ?? [],
                parsed.GetValue(_batch),
                parsed.GetValue(_output)),
            cancellation)));
    }

    private sealed record Settings(string Recipe, bool Resume, bool PlanOnly, bool NoPlan, string[] Changes, string? Batch, string? Output);

    private int Run(Settings settings, CancellationToken cancellation)
    {
        var recipe = Read(settings);
        var path = settings.Output ?? recipe.Output ?? Path.Combine("runs", recipe.Name);
        if (settings.PlanOnly)
        {
            PlanOnly(recipe);
            return ExitCode.Success;
        }

        var folder = Open(path, settings.Resume);
        var needsBatch = recipe.Stages.Any(stage => stage.Batch == 0);
        if (needsBatch || !(settings.NoPlan || settings.Resume))
        {
            using var planner = new GroundingTrainer(recipe, folder);
            var plan = planner.Plan();
            WritePlan(plan, recipe, Terminal.Hint);
            recipe = recipe with { Stages = [.. recipe.Stages.Zip(plan.Stages, (stage, needs) => stage with { Batch = needs.Batch })] };
        }

        return Train(recipe, folder, settings, cancellation);
    }

    private int Train(TrainingRecipe recipe, RunFolder folder, Settings settings, CancellationToken cancellation)
    {
        using var trainer = new GroundingTrainer(recipe, folder);
        var progress = new TrainingProgressLine(Terminal, recipe);
        using var recorder = new RunRecorder(recipe, folder, progress);
        TrainingOutcome outcome;
        try
        {
            outcome = trainer.Run(recorder, cancellation);
        }
        finally
        {
            progress.End();
        }

        if (!outcome.Completed)
        {
            Terminal.Hint($"saved; go on with: {Provenance.Quote(["train", settings.Recipe, "--resume", .. Repeat(settings)])}");
            return ExitCode.Interrupted;
        }

        recorder.Finish(trainer, outcome.Scores);
        ModelCard.Write(outcome.ModelFolder, recipe, trainer.Model.Parameters.Count, outcome.Scores, Provenance.Of(Terminal, recipe.Seed));
        if (outcome.Scores.Count > 0) WriteScores(outcome.Scores);
        Terminal.Line($"model:  {outcome.ModelFolder}");
        Terminal.Line($"report: {recorder.ReportPath}");
        return ExitCode.Success;
    }

    private static TrainingRecipe Read(Settings settings)
    {
        var changes = settings.Changes.ToList();
        var recipe = RecipeChanges.Read(settings.Recipe, changes);
        if (settings.Batch is not { } batch) return recipe;
        var size = batch == "auto" ? 0 : int.Parse(batch, CultureInfo.InvariantCulture);
        return recipe with { Stages = [.. recipe.Stages.Select(stage => stage with { Batch = size })] };
    }

    private static RunFolder Open(string path, bool resume)
    {
        var exists = Directory.Exists(path);
        if (resume && !exists) throw new SightlineException(ErrorKind.NotFound, $"{path} is not there: nothing to resume; start without --resume");
        var folder = new RunFolder(path);
        var checkpoint = folder.LatestCheckpoint();
        if (!resume && (checkpoint is not null || Directory.Exists(folder.ModelFolder)))
            throw new SightlineException(ErrorKind.Usage, $"{path} already holds a run: go on with --resume, name another folder with --output, or delete it");
        if (resume && checkpoint is null && Directory.Exists(folder.ModelFolder))
            throw new SightlineException(ErrorKind.Usage, $"{path} holds a finished run: its model is {folder.ModelFolder}");
        return folder;
    }

    private void PlanOnly(TrainingRecipe recipe)
    {
        var scratch = Directory.CreateTempSubdirectory("sightline-plan-").FullName;
        try
        {
            using var trainer = new GroundingTrainer(recipe, new RunFolder(scratch));
            WritePlan(trainer.Plan(), recipe, text => Terminal.Line(text));
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static void WritePlan(TrainingPlan plan, TrainingRecipe recipe, Action<string> line)
    {
        line(string.Create(CultureInfo.InvariantCulture, $"plan: {recipe.Name}, weights and optimizer {plan.ParameterBytes / 1e6:0} MB, available memory {plan.AvailableBytes / 1e9:0.0} GB"));
        for (var i = 0; i < plan.Stages.Count; i++)
        {
            var stage = plan.Stages[i];
            line(string.Create(
                CultureInfo.InvariantCulture,
                $"  stage {i + 1} ({stage.Kind}): {stage.Steps} steps of {stage.Batch} x {recipe.Stages[i].Accumulate} pictures, peak {stage.PeakBytes / 1e6:0} MB, {1 / stage.SecondsPerPicture:0.0} pictures/s, {TrainingProgressLine.Clock(stage.Duration)}"));
        }

        line($"  in all about {TrainingProgressLine.Clock(plan.Duration)}, without measuring");
        if (plan.Stages.Any(stage => stage.PeakBytes > plan.AvailableBytes * TrainingPlan.UsableShare))
            line("  warning: this may not fit; use --batch auto, a smaller batch with accumulate, or a smaller image_size");
    }

    private void WriteScores(IReadOnlyList<GroundingScore> scores) => Terminal.Table(
        ["source", ">AP", ">AP50", ">accuracy at IoU 0.5", ">of these, relational", ">presence MCC"],
        scores.Select(score => new[]
        {
            score.Source,
            score.Detection is { } found ? ScoreTable.Number(found.Stats[0]) : "-",
            score.Detection is { } also ? ScoreTable.Number(also.Stats[1]) : "-",
            ScoreTable.Number(score.Accuracy),
            ScoreTable.Number(score.RelationalAccuracy),
            double.IsFinite(score.PresenceMcc) ? score.PresenceMcc.ToString("0.000", CultureInfo.InvariantCulture) : "-",
        }));

    /// <summary>The options that the resumed run needs again.</summary>
    private static IEnumerable<string> Repeat(Settings settings) =>
    [
        .. settings.Changes.SelectMany(change => new[] { "--set", change }),
        .. settings.Batch is { } batch ? new[] { "--batch", batch } : [],
        .. settings.Output is { } output ? new[] { "--output", output } : [],
    ];
}
