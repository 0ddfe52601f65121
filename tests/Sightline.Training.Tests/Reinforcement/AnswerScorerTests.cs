using System.Text.Json;
using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Testing;
using Sightline.Training.Data;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;
using Sightline.Training.Rewards;

namespace Sightline.Training.Tests.Reinforcement;

/// <summary>What rewards are given of a problem and an answer: coordinates, words and lengths.</summary>
[Collection(Alone.Name)]
public sealed class AnswerScorerTests : TensorTest
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sightline-scorer-");

    protected override void Free() => _folder.Delete(recursive: true);

    private static TunedModel Open() => TunedModel.Open(new LanguageModelRecipe { Checkpoint = TinyQwen.Folder("tiny-qwen2-vl"), Adapters = new AdapterRecipe() }, seed: 1);

    /// <summary>VLM-R1 writes solutions in pixels of the original picture, Qwen2-VL speaks thousandths: published rewards take the first, ours the second.</summary>
    [Fact]
    public void A_region_of_VLM_R1_is_compared_in_the_coordinates_of_the_model()
    {
        var picture = Fixtures.Path("qwen", "model_goldens", "images", "b.png");
        var file = Path.Combine(_folder.FullName, "rec.jsonl");
        File.WriteAllText(file, $$"""{"image": {{JsonSerializer.Serialize(picture)}}, "conversations": [{"from": "human", "value": "<image>Where is it?"}, {"from": "gpt", "value": "[30, 20, 140, 196]"}]}""" + "\n");
        using var model = Open();
        var problem = new ProblemReading(model).Prepare("rec", ProblemSet.Open(file).Get(0), answer: 8);
        Assert.Equal((CoordinateFrame.Thousandths, (140, 196)), (problem.Frame, problem.Size));
        var (x, y) = (30 * 1000 / 140.0, 20 * 1000 / 196.0);
        var right = FormattableString.Invariant($"<think>so</think><answer>{{'bbox_2d': [{x}, {y}, 1000, 1000]}}</answer>");
        var scores = Score(problem, right, "sightline/box_iou", "sightline/format", "sightline/count");
        Assert.Equal(1, scores[0], 1e-9);
        Assert.Equal([1, 1], scores[1..]);
        Assert.Equal([0, 0], Score(problem, "<think>so</think><answer>somewhere</answer>", "sightline/box_iou", "sightline/format"));

        // the published reward turns pixels of the resized picture into those of the original one by itself
        var (width, height) = (problem.Pictures[0].Grid.Width * 14, problem.Pictures[0].Grid.Height * 14);
        Assert.True(Score(problem, FormattableString.Invariant($"<answer>{{'bbox_2d': [{30 * width / 140}, {20 * height / 196}, {width}, {height}]}}</answer>"), "vlm-r1/rec_iou")[0] > 0.97);
        Assert.Contains("[214, 102, 1000, 1000]", AnswerScorer.Truth(problem), StringComparison.Ordinal);
    }

    [Fact]
    public void Published_rewards_see_no_special_tokens_and_the_length_without_them()
    {
        using var model = Open();
        var read = new ProblemReading(model).Prepare("one", new Problem("one", "Where is it?") { Label = "red fox", Pictures = [ProblemPicture.FromFile(Fixtures.Path("qwen", "model_goldens", "images", "a.png"))] }, answer: 8);
        var answer = new Rollout([1, 2, 3], new float[3], "<answer><|box_start|>red fox<|box_end|></answer>", false) { PlainText = "<answer>red fox</answer>", PlainTokens = 1 };
        Assert.Equal(1, AnswerScorer.CaseOf(read, answer).CompletionTokens);
        Assert.Equal([0, 1], Scores(read, answer, "sightline/label", "vlm-r1/accuracy.all_match")); // ours know what the tokens mean, and here they mean nothing

        using var sampler = new RolloutSampler(model) { StopsEarly = false };
        var sampled = sampler.Sample([read], 8, 64, new SamplingOptions { Temperature = 5 }, (_, a) => (ulong)a, TestContext.Current.CancellationToken)[0].Answers;
        Assert.All(sampled, one =>
        {
            Assert.Equal(model.Processor.Tokenizer.Decode(one.Ids, skipSpecialTokens: true), one.PlainText);
            Assert.Equal(one.Ids.Count(id => !model.Processor.Tokenizer.SpecialTokens.All.Contains(id)), one.PlainTokens);
        });
        Assert.Contains(sampled, one => one.PlainTokens < one.Ids.Length);
    }

    [Fact]
    public void Normalized_rewards_of_other_ranges_count_alike()
    {
        using var model = Open();
        var read = new ProblemReading(model).Prepare("one", new Problem("one", "Where is it?") { Solution = "(0,0),(400,400)", Frame = CoordinateFrame.Thousandths }, answer: 8);
        Rollout[] answers = [.. new[] { "(0,0),(400,400)", "(0,0),(200,400)", "<think>so</think><answer>(0,0),(400,200)</answer>", "nowhere" }.Select(text => new Rollout([1], new float[1], text, false))];
        new AnswerScorer([new RewardRecipe { Name = "sightline/box_iou", Weight = 100, Normalize = true }, new RewardRecipe { Name = "sightline/format", Weight = -2 }], "rewards").Score(new RolloutGroup(read, answers));
        Assert.Equal([1, 0.5, 0.5, 0], answers.Select(answer => answer.Scores[0]));
        var deviation = Math.Sqrt((0.25 + 0.25) / 3) + 1e-4;
        double[] expected = [100 * 0.5 / deviation, 0, -2, -100 * 0.5 / deviation];
        Assert.All(expected.Zip(answers), pair => Assert.Equal(pair.First, pair.Second.Reward, 1e-9));
    }

    [Fact]
    public void A_reward_of_ones_own_that_fails_is_named_with_the_problem()
    {
        RewardFunctions.Add(new Broken());
        using var model = Open();
        var read = new ProblemReading(model).Prepare("things", new Problem("one", "Where is it?") { Label = "cup" }, answer: 8);
        var error = Assert.Throws<SightlineException>(() => Score(read, "a cup", "test/broken"));
        Assert.Equal((ErrorKind.BadRecipe, "problem 'things/one': the reward 'test/broken' failed (FormatException: not so): mend its class; --verbose shows where"), (error.Kind, error.Message));
    }

    private sealed class Broken : IReward
    {
        public string Name => "test/broken";

        public string Description => "Fails";

        public double Score(RewardCase one) => throw new FormatException("not so");
    }

    private static double[] Score(PreparedProblem problem, string text, params string[] rewards) => Scores(problem, new Rollout([1], new float[1], text, false), rewards);

    private static double[] Scores(PreparedProblem problem, Rollout answer, params string[] rewards)
    {
        new AnswerScorer([.. rewards.Select(name => new RewardRecipe { Name = name })], "rewards").Score(new RolloutGroup(problem, [answer]));
        return answer.Scores;
    }
}
