using Sightline.Testing;
using Sightline.Training.Data;
using Sightline.Training.Recipes;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Tests.Reinforcement;

/// <summary>What a preflight makes of answers: figures, and the likely cause of what is wrong.</summary>
[Collection(Alone.Name)]
public sealed class PreflightTests : TensorTest
{
    [Theory]
    [InlineData("sightline/box_iou", "cut off at 16 tokens", 0.0, "<answer>I look", "<answer>I look again", true)]
    [InlineData("sightline/box_iou", "outside of the frame", 0.0, "(4000,4000),(5000,5000)", "(2000,2000),(3000,3000)")]
    [InlineData("sightline/box_iou", "only 0 % of the answers can be read", 0.0, "on the left", "on the right")]
    [InlineData("sightline/box_iou", "no box overlaps a true one by half", 1.0, "(0,0),(90,90)", "(900,900),(1000,1000)")]
    [InlineData("sightline/box_iou", "sightline/box_iou is 1 for every answer: it cannot tell them apart", 1.0, "(100,100),(500,500)", "(100,100),(500,500)")]
    [InlineData("sightline/format", "the prompt does not make the model use the tags", 1.0, "(100,100),(500,500)", "(100,100),(500,400)")]
    [InlineData("sightline/point", "", 1.0, "(200,200)", "(700,700)")] // points were asked for: nothing is wrong
    [InlineData("sightline/box_iou", "", 1.0, "(100,100),(500,500)", "(100,100),(500,400)")]
    public void The_likely_cause_is_named(string reward, string finding, double parsed, string one, string other, bool isCut = false)
    {
        using var model = TunedModel.Open(new LanguageModelRecipe { Checkpoint = TinyQwen.Folder("tiny-qwen2-vl"), Adapters = new AdapterRecipe() }, seed: 1);
        var problem = new Problem("one", "Where is it?") { Pictures = [ProblemPicture.FromFile(Fixtures.Path("qwen", "model_goldens", "images", "a.png"))], Solution = "(100,100),(500,500)" };
        var group = new RolloutGroup(new ProblemReading(model).Prepare("things", problem, answer: 8), [.. new[] { one, other }.Select(text => new Rollout([1], new float[1], text, isCut))]);
        var recipe = new LanguageStageRecipe { Kind = LanguageStageKind.Reinforcement, Steps = 1, MaximumCompletion = 16, Rewards = [new RewardRecipe { Name = reward }] };
        var scorer = new AnswerScorer(recipe.Rewards, "rewards");
        scorer.Score(group);
        var report = Preflight.Report(recipe, scorer, [group]);
        Assert.Equal(parsed, report.Parsed);
        if (finding.Length > 0) Assert.Contains(report.Findings, text => text.Contains(finding, StringComparison.Ordinal));
        else Assert.Empty(report.Findings);
        if (reward == "sightline/point") Assert.Empty(report.IouHistogram);
        else Assert.Equal(2, report.IouHistogram.Sum());
    }
}
