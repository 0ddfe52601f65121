using System.Text.Json;
using Sightline.Models.QwenVl;
using Sightline.Testing;
using Sightline.Text;
using Sightline.Training.Experiments;

namespace Sightline.Training.Tests.Experiments;

[Collection(Alone.Name)]
public sealed class FewShotExperimentTests : TensorTest
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-few-").FullName;

    public FewShotExperimentTests() =>
        QwenVlFolder.Create(Path.Combine(_folder, "model"), QwenVlShape.Presets["tiny"], new WordVocabulary(["user", "assistant", "red", "circle", "Output", "the", "bounding", "box", "of"], 100), 1);

    protected override void Free() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Runs_of_both_kinds_start_alike_and_end_where_their_seed_leads()
    {
        var recipe = FewShotRecipe.Read(Write(), isQuick: true);
        Assert.Equal((2, 2), (recipe.Seeds, Assert.Single(recipe.Shots)));
        var (first, second) = (Run(recipe), Run(recipe));
        Assert.Equal(["reinforcement 1", "supervised 1", "reinforcement 2", "supervised 2"], first.Runs.Select(run => $"{run.Kind} {run.Seed}"));
        foreach (var run in first.Runs)
        {
            Assert.Equal([0, 3, 6], run.Curve.Select(moment => moment.Step));
            Assert.Equal(first.Base.Average(), run.Curve[0].Mean);
            Assert.Equal(run.Mean, run.Curve[^1].Mean);
            Assert.True(run.Seconds > 0 && run.Elapsed > 0);
            Assert.Equal(5, run.Scores.Count);
            Assert.Equal(run.Kind == "reinforcement" ? 6 : 0, run.Rewards.Count);
        }

        Assert.Equal(first.Runs.Select(run => string.Join(' ', run.Scores.Concat(run.Rewards))), second.Runs.Select(run => string.Join(' ', run.Scores.Concat(run.Rewards))));
        var row = Assert.Single(first.Rows);
        Assert.Equal(row.Reinforced.Mean - row.Supervised.Mean, row.Difference.Mean, 1e-12);
        Assert.InRange(row.Difference.Mean, row.Difference.Interval.Low - 1e-9, row.Difference.Interval.High + 1e-9);
    }

    /// <summary>Supervised answers are learned: with many steps on the few, their likelihood says so in the answers.</summary>
    [Fact]
    public void Supervised_runs_learn_the_given_answers()
    {
        var path = Write();
        var few = FewShotRecipe.Read(path, overrides: ["shots=[1]", "seeds=1", "measurements=1", "supervised.steps=60", "supervised.learning_rate=5e-3", "reinforcement.steps=1", "train.count=1", "test.scenes.seed=0", "test.count=1"]);
        var result = Run(few);
        Assert.True(result.Runs.Single(run => run.Kind == "supervised").Mean > 0.6, $"{result.Runs[1].Mean}");
    }

    [Theory]
    [InlineData("seeds=0", "seeds and measurements must be positive")]
    [InlineData("shots=[]", "shots lists numbers")]
    [InlineData("supervised.batch=0", "batch must be given")]
    [InlineData("reinforcement.rewards=[]", "lists no rewards")]
    [InlineData("supervised.kind=Reinforcement", "are stages of those kinds")]
    [InlineData("test.problems=none.jsonl", "needs one of problems, scenes and pictures")]
    [InlineData("shots=[4, null]", "shots[1] is null")]
    [InlineData("test=null", "test is null: give a value")]
    [InlineData("supervised.rewards=[null]", "supervised.rewards[0] is null")]
    [InlineData("sedes=1", "'sedes' is not a key of recipes")]
    public void What_makes_no_sense_is_refused(string value, string reason)
    {
        var path = Write();
        var error = Assert.Throws<SightlineException>(() => FewShotRecipe.Read(path, overrides: [value]));
        Assert.Equal(ErrorKind.BadRecipe, error.Kind);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private static FewShotResult Run(FewShotRecipe recipe)
    {
        var told = new List<FewShotRun>();
        var result = new FewShotExperiment(recipe).Run(told.Add, CancellationToken.None);
        Assert.Equal(told, result.Runs);
        return result;
    }

    private string Write()
    {
        var path = Path.Combine(_folder, "few.json");
        File.WriteAllText(path, $$"""
            {
              "name": "few",
              "model": { "checkpoint": {{JsonSerializer.Serialize(Path.Combine(_folder, "model"))}}, "minimum_pixels": 3136, "maximum_pixels": 3136 },
              "train": { "name": "pool", "count": 8, "scenes": { "maximum_objects": 1, "shapes": ["circle"], "colors": ["red"], "textures": ["plain"], "step": 100 } },
              "test": { "name": "test", "count": 5, "scenes": { "maximum_objects": 1, "shapes": ["circle"], "colors": ["red"], "textures": ["plain"], "step": 100, "seed": 9 } },
              "shots": [1, 2], "seeds": 5, "measurements": 2,
              "reinforcement": { "kind": "Reinforcement", "steps": 6, "prompts": 2, "group": 3, "batch": 6, "maximum_completion": 14, "learning_rate": 1e-3, "rewards": [ { "name": "sightline/box_iou" } ] },
              "supervised": { "kind": "Supervised", "steps": 6, "prompts": 2, "batch": 2, "maximum_completion": 14, "learning_rate": 1e-3, "rewards": [ { "name": "sightline/box_iou" } ] },
              "quick": ["shots=[2]", "seeds=2"]
            }
            """);
        return path;
    }
}
