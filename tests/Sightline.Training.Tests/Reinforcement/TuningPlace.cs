using System.Text.Json;
using Sightline.Testing;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;
using Sightline.Training.Rewards;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Reinforcement;

/// <summary>Recipes of tiny tuning runs in a folder that goes away, and a reward by which hardly two answers score alike.</summary>
internal sealed class TuningPlace : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-tuning-").FullName;

    public TuningPlace()
    {
        File.Copy(Fixtures.Path("qwen", "model_goldens", "images", "a.png"), At("a.png"));
        File.WriteAllLines(At("problems.jsonl"), Enumerable.Range(0, 4).Select(i =>
            $$"""{"id": "p{{i}}", "pictures": ["a.png"], "prompt": "Where is thing {{i}}?", "solution": "(100,100),(500,500)", "answer": "It is at ({{i}}00,100)."}"""));
        RewardFunctions.Add(new Letters());
        RewardFunctions.Add(new Constant());
    }

    public string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    public LanguageRecipe Recipe(string model, string stage, string adapters = ", \"adapters\": { \"rank\": 4, \"alpha\": 8 }", string reward = "test/letters") => (LanguageRecipe)RecipeReader.ParseAny(
        $$"""
        {
          "name": "tiny", "seed": 5,
          "model": { "checkpoint": {{JsonSerializer.Serialize(TinyQwen.Folder(model))}}{{adapters}} },
          "train": [ { "name": "things", "problems": {{JsonSerializer.Serialize(At("problems.jsonl"))}} } ],
          "stages": [ { "kind": "Reinforcement", "steps": 2, "prompts": 2, "group": 3, "batch": 6, "maximum_completion": 10, "learning_rate": {{(adapters.Length > 0 ? "1e-2" : "1e-4")}}, "save_every": 1, "rewards": [ { "name": "{{reward}}" } ]{{stage}} } ]
        }
        """, "tiny");

    /// <summary>Runs a recipe to its end; gives the figures of each step and the outcome.</summary>
    public (List<Dictionary<string, float>> Steps, TrainingOutcome Outcome, List<string> Rollbacks) Run(LanguageRecipe recipe, string name = "run")
    {
        using var folder = new RunFolder(At(name));
        using var trainer = new PolicyTrainer(recipe, folder);
        var watcher = new Watched();
        var outcome = trainer.Run(watcher, CancellationToken.None);
        return (watcher.Steps, outcome, watcher.Rollbacks);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed class Watched : ITrainingObserver
    {
        public List<Dictionary<string, float>> Steps { get; } = [];

        public List<string> Rollbacks { get; } = [];

        public void OnStep(TrainingStep step) => Steps.Add(new Dictionary<string, float>(step.Metrics));

        public void OnValidation(int stage, int step, IReadOnlyList<IMeasurement> scores)
        {
        }

        public void OnCheckpoint(string folder)
        {
        }

        public void OnRollback(RunCheckpoint from, string reason) => Rollbacks.Add($"{from.Step}: {reason}");
    }

    private sealed class Letters : IReward
    {
        public string Name => "test/letters";

        public string Description => "The letters, added up";

        public double Score(RewardCase one) => one.Completion.Sum(letter => (int)letter) % 97 / 97.0;
    }

    private sealed class Constant : IReward
    {
        public string Name => "test/constant";

        public string Description => "One and the same";

        public double Score(RewardCase one) => 0.5;
    }
}
