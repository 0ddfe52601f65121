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

    [Fact]
    public void What_a_folder_has_is_not_run_again()
    {
        var (recipe, told, path) = (FewShotRecipe.Read(Write(), isQuick: true), new List<FewShotRun>(), Path.Combine(_folder, "out"));
        FewShotResult RunIn(FewShotRecipe wanted)
        {
            told.Clear();
            using var folder = FewShotFolder.Open(path, wanted);
            return new FewShotExperiment(wanted).Run(told.Add, CancellationToken.None, folder);
        }

        var first = RunIn(recipe);
        Assert.Equal(4, told.Count);
        var again = RunIn(recipe);
        Assert.Empty(told);
        RequireSame(first, again);

        // one that is gone is run again, and has what it had, but for the time
        var file = Path.Combine(path, "runs", "supervised-2-shots-seed-1.json");
        File.Delete(file);
        RequireSame(first, RunIn(recipe));
        Assert.Equal(("supervised", 1UL), (Assert.Single(told).Kind, told[0].Seed));

        // comments and what --quick would change are no part of what is run
        RunIn(recipe with { Quick = ["seeds=1"] });
        Assert.Empty(told);
        var error = Assert.Throws<SightlineException>(() => RunIn(recipe with { Measurements = 3 }));
        Assert.Equal((ErrorKind.BadRecipe, $"{path} holds runs of another recipe: measurements is 2 there and 3 here. Choose another folder with --output, or delete this one to start again"), (error.Kind, error.Message));
        using (FewShotFolder.Open(path, recipe)) Assert.Equal(ErrorKind.CannotWrite, Assert.Throws<SightlineException>(() => FewShotFolder.Open(path, recipe)).Kind);
        File.WriteAllText(file, File.ReadAllText(file)[..100]);
        error = Assert.Throws<SightlineException>(() => RunIn(recipe));
        Assert.Equal((ErrorKind.BadData, $"{file} is damaged: delete it, and its run is done again"), (error.Kind, error.Message));
        File.WriteAllText(file, """{ "recipe": "another" }""");
        Assert.Equal($"{file} belongs to another recipe: delete it, and its run is done again", Assert.Throws<SightlineException>(() => RunIn(recipe)).Message);
    }

    /// <summary>A rule without an opinion gives NaN, and JSON does not have it.</summary>
    [Fact]
    public void Kept_runs_have_every_number_to_the_last_bit()
    {
        var recipe = FewShotRecipe.Read(Write(), isQuick: true);
        using var folder = FewShotFolder.Open(Path.Combine(_folder, "kept"), recipe);
        var run = new FewShotRun("supervised", 2, ulong.MaxValue, [new FewShotMoment(0, 0, 1.0 / 3), new FewShotMoment(3, 0.1 + 0.2, double.NaN)], [double.NaN, Math.PI, -0.0], [double.Epsilon], 1e300);
        folder.Keep(run, [0.1, double.NaN]);
        Assert.Equal(1, folder.Kept);
        var (read, before) = folder.Find("supervised", 2, ulong.MaxValue)!.Value;
        Assert.Equal(Bits(run), Bits(read));
        Assert.Equal([0.1, double.NaN], before);
        Assert.Null(folder.Find("reinforcement", 2, ulong.MaxValue));

        static string Bits(FewShotRun one) => $"{one.Kind} {one.Shots} {one.Seed} {string.Join(' ', one.Curve)} {string.Join(' ', one.Scores.Concat(one.Rewards).Append(one.Elapsed).Select(value => double.IsNaN(value) ? 0 : BitConverter.DoubleToInt64Bits(value)))}";
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
    [InlineData("shots=[4, 4]", "each once")]
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

    private static void RequireSame(FewShotResult expected, FewShotResult actual)
    {
        Assert.Equal(expected.Base, actual.Base);
        Assert.Equal(expected.Runs.Count, actual.Runs.Count);
        foreach (var (one, other) in expected.Runs.Zip(actual.Runs))
        {
            Assert.Equal((one.Kind, one.Shots, one.Seed), (other.Kind, other.Shots, other.Seed));
            Assert.Equal(one.Scores, other.Scores);
            Assert.Equal(one.Rewards, other.Rewards);
            Assert.Equal(one.Curve.Select(moment => (moment.Step, moment.Mean)), other.Curve.Select(moment => (moment.Step, moment.Mean)));
        }

        Assert.Equal(expected.Rows.Select(row => (row.Difference, row.Gain)), actual.Rows.Select(row => (row.Difference, row.Gain)));
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
