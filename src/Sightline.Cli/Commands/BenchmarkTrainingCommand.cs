using System.CommandLine;
using System.Globalization;
using Sightline.Cli.Output;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;
using Sightline.Training.Scenes;

namespace Sightline.Cli.Commands;

/// <summary>
/// <c>sightline benchmark training</c>: how fast the sources of a recipe make samples, how fast its steps take them, and how long the steps wait.
/// Trains a few steps in a folder that goes away.
/// </summary>
internal sealed class BenchmarkTrainingCommand : ToolCommand
{
    private readonly Argument<string?> _recipe = new("RECIPE") { Description = "Recipe file (JSON); default: nano on generated scenes", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<int> _steps = new("--steps") { Description = "Steps of each stage", HelpName = "N", DefaultValueFactory = _ => 20 };
    private readonly Option<string[]> _set = new("--set") { Description = "Another value for a key of the recipe; may be repeated", HelpName = "KEY=VALUE" };
    private readonly Option<double> _seconds = new("--seconds") { Description = "Time of each of the five rounds of a row", HelpName = "S", DefaultValueFactory = _ => 0.5 };
    private readonly Option<string?> _json = JsonOption("the numbers");

    public BenchmarkTrainingCommand()
        : base(
            "training",
            "Samples a second of a recipe's sources, against what its training steps take",
            "sightline benchmark training",
            "sightline benchmark training recipes/blood-cells.json --steps 40")
    {
        Add(_recipe);
        Add(WithRange(_steps, 2, 100_000));
        Add(_set);
        Add(WithRange(_seconds, 0.01, 60));
        RequireJsonFile(_json);
        Add(_json);
        SetAction((parsed, cancellation) => Task.FromResult(Run(
            new Settings(parsed.GetValue(_recipe), parsed.GetValue(_steps), parsed.GetValue(_set) ?? [], parsed.GetValue(_seconds), JsonTarget(parsed, _json)), cancellation)));
    }

    private sealed record Settings(string? Recipe, int Steps, string[] Set, double Seconds, string? Json);

    private int Run(Settings settings, CancellationToken cancellation)
    {
        var recipe = settings.Recipe is { } file ? RecipeReader.Read(file, settings.Set) : RecipeReader.Parse(Default(), "the default recipe", settings.Set);
        recipe = recipe with
        {
            Validation = [],
            Stages = [.. recipe.Stages.Select(stage => stage with { Steps = settings.Steps, WarmUp = 0, SaveEvery = 0, ValidateEvery = 0 })],
        };
        var place = Directory.CreateTempSubdirectory("sightline-benchmark-").FullName;
        try
        {
            using var folder = new RunFolder(place);
            using var trainer = new GroundingTrainer(recipe, folder);
            var watcher = new StepWatcher(recipe.Stages.Count);
            if (!trainer.Run(watcher, cancellation).Completed) throw new OperationCanceledException(cancellation);
            var sources = trainer.Train.Select(source => Measure(source, watcher.Fastest, settings.Seconds, cancellation)).ToList();
            var scenes = SceneRows(recipe, settings.Seconds, cancellation);
            if (settings.Json is { } target) WriteJson(target, trainer.Recipe, watcher, sources, scenes);
            if (settings.Json != JsonOutput.Stdout) WriteTables(trainer.Recipe, watcher, sources, scenes);
            return ExitCode.Success;
        }
        finally
        {
            Directory.Delete(place, recursive: true);
        }
    }

    private static string Default() => $$"""
        { "name": "scenes", "model": { "tokenizer": {{System.Text.Json.JsonSerializer.Serialize(ModelLocation.Resolve(ModelLocation.DefaultName), BenchmarkJson.Default.String)}} },
          "train": [ { "name": "scenes", "scenes": {} } ],
          "stages": [ { "kind": "Contrastive", "steps": 1 }, { "kind": "Boxes", "steps": 1 } ] }
        """;

    /// <summary>On one thread, as in training: decoded, turned, augmented, worded, on its canvas.</summary>
    private static BenchmarkRow Measure(ISampleSource source, double taken, double seconds, CancellationToken cancellation)
    {
        var rate = BenchmarkReport.Rate(i => source.Get(i), seconds, cancellation);
        return new BenchmarkRow($"{source.Name}: samples made on one thread", rate, rate.Mean / taken);
    }

    /// <summary>The generator by itself: a scene drawn and put into words.</summary>
    private static List<BenchmarkRow> SceneRows(TrainingRecipe recipe, double seconds, CancellationToken cancellation)
    {
        var rows = new List<BenchmarkRow>();
        foreach (var source in recipe.Train.Where(source => source.Scenes is not null))
        {
            var generator = new SceneGenerator(SceneSource.Options(source.Scenes!), recipe.Seed);
            rows.Add(new BenchmarkRow($"{source.Name}: scenes drawn on one thread", BenchmarkReport.Rate(i => generator.Generate(i), seconds, cancellation)));
            const int Together = 64;
            var (best, mean) = BenchmarkReport.Rate(i => Parallel.For(0, Together, k => generator.Generate(((long)i * Together) + k)), seconds, cancellation);
            rows.Add(new BenchmarkRow($"{source.Name}: scenes drawn on all {Environment.ProcessorCount} cores", (best * Together, mean * Together)));
        }

        return rows;
    }

    private void WriteTables(TrainingRecipe recipe, StepWatcher watcher, List<BenchmarkRow> sources, List<BenchmarkRow> scenes)
    {
        Terminal.Table(
            [">stage", "kind", ">batch", ">pictures a second", ">waiting for samples"],
            recipe.Stages.Select((stage, i) => new[]
            {
                Text(i + 1), stage.Kind.ToString(), Text(stage.Batch * stage.Accumulate),
                watcher.PerSecond[i].ToString("0.0", CultureInfo.InvariantCulture), (watcher.Waiting[i] * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %",
            }));
        BenchmarkReport.Write(Terminal, "sources", [.. sources, .. scenes], "x fastest stage");
        BenchmarkReport.WriteMachine(Terminal);
    }

    private void WriteJson(string target, TrainingRecipe recipe, StepWatcher watcher, List<BenchmarkRow> sources, List<BenchmarkRow> scenes) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("stages");
        for (var i = 0; i < recipe.Stages.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("kind", recipe.Stages[i].Kind.ToString());
            json.WriteNumber("batch", recipe.Stages[i].Batch * recipe.Stages[i].Accumulate);
            json.WriteNumber("pictures_per_second", Math.Round(watcher.PerSecond[i], 3));
            json.WriteNumber("waiting_share", Math.Round(watcher.Waiting[i], 5));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        BenchmarkReport.WriteJson(json, "sources", sources);
        BenchmarkReport.WriteJson(json, "scenes", scenes);
        BenchmarkReport.WriteMachine(json, Terminal);
        json.WriteEndObject();
    });

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Remembers what the last step of each stage says of speed and waiting.</summary>
    private sealed class StepWatcher(int stages) : ITrainingObserver
    {
        public double[] PerSecond { get; } = new double[stages];

        public double[] Waiting { get; } = new double[stages];

        public double Fastest => PerSecond.Max();

        public void OnStep(TrainingStep step)
        {
            PerSecond[step.Stage] = step.PicturesPerSecond;
            Waiting[step.Stage] = step.LoaderWait;
        }

        public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores)
        {
        }

        public void OnCheckpoint(string folder)
        {
        }
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
internal sealed partial class BenchmarkJson : System.Text.Json.Serialization.JsonSerializerContext;
