using Sightline.Generation;
using Sightline.Grounding;
using Sightline.Text.Answers;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Tests.Evaluation;

/// <summary>The same answers, counted officially and as published.</summary>
public class ProtocolTests
{
    private static readonly CocoGroundTruth s_truth = new(
        [new CocoImage(1, 100, 100, "a"), new CocoImage(2, 100, 100, "b")], [new CocoCategory(1, "cat"), new CocoCategory(2, "dog")],
        [new CocoAnnotation(1, 1, 1, 10, 10, 20, 20) { Area = 400 }, new CocoAnnotation(2, 2, 2, 10, 10, 20, 20) { Area = 400 }]);

    [Fact]
    public void PresentClassesForgiveBoxesOfOthers()
    {
        // each true box is found, and before each a dog or cat is seen where there is none
        CocoDetection[] detections = [new(1, 1, 10, 10, 20, 20, 0.5), new(2, 1, 10, 10, 20, 20, 0.9), new(2, 2, 10, 10, 20, 20, 0.5), new(1, 2, 50, 50, 20, 20, 0.9)];
        var run = new DetectionRun(s_truth, detections);
        Assert.Equal(0.5, CocoEvaluator.Evaluate(run.Truth, run.Detections)["AP"], 1e-9);
        Assert.Equal(1, CocoEvaluator.Evaluate(s_truth, run.OfPresentClasses().Detections)["AP"], 1e-9);
        Assert.Equal(2, run.OfPresentClasses().Detections.Count);
    }

    [Fact]
    public void ClassNumbersAreTakenByName()
    {
        CocoDetection[] other = [new(1, 7, 10, 10, 20, 20, 0.5) { Category = "cat" }, new(2, 1, 10, 10, 20, 20, 0.5) { Category = "dog" }];
        var (mapped, renumbered) = CocoDetections.ByName(s_truth, other, "dt.json");
        Assert.Equal(2, renumbered);
        Assert.Equal([1, 2], mapped.Select(found => found.CategoryId));
        Assert.Equal(1, CocoEvaluator.Evaluate(s_truth, mapped)["AP"], 1e-9);
        // names that agree, or none at all, change nothing
        Assert.Equal(0, CocoDetections.ByName(s_truth, mapped, "dt.json").Renumbered);
        CocoDetection[] bare = [new(1, 7, 10, 10, 20, 20, 0.5)];
        Assert.Same(bare, CocoDetections.ByName(s_truth, bare, "dt.json").Detections);
        Assert.Contains("the class 'bird' (7) is none of", Refusal([other[0] with { Category = "bird" }]), StringComparison.Ordinal);
        Assert.Contains("some do not (class 7)", Refusal([other[1], bare[0]]), StringComparison.Ordinal);

        static string Refusal(CocoDetection[] detections)
        {
            var error = Assert.Throws<SightlineException>(() => CocoDetections.ByName(s_truth, detections, "dt.json"));
            Assert.Equal(ErrorKind.BadData, error.Kind);
            return error.Message;
        }
    }

    [Fact]
    public void ReasoningCountsUnreadAnswersAsMissesOrLeavesThemOut()
    {
        ReasoningAnswer[] answers = [new("a", "x", true, 50, 100, 0.6), new("a", "y", true, 100, 400, 0.4), new("b", "z", false, 0, 300, 0), new("b", "nothing", true, 0, 0, 1)];
        var result = new ReasoningResult(answers, new BootstrapOptions(50));
        Assert.Equal([(0.5 + 0.25 + 0 + 1) / 4, 150.0 / 800, (0.6 + 0.4 + 0 + 1) / 4, 0.5], ReasoningResult.Figures(result.Official).Select(figure => Math.Round(figure.Value, 12)));
        Assert.Equal([Math.Round(1.75 / 3, 12), 0.3, Math.Round(2.0 / 3, 12), Math.Round(2.0 / 3, 12)], ReasoningResult.Figures(result.Published).Select(figure => Math.Round(figure.Value, 12)));
        Assert.All(ReasoningResult.Figures(result.Official), figure => Assert.NotNull(figure.Interval));
        Assert.Equal(0, result.Compare(answers)[0].Difference);
        // nothing there and nothing understood: no hit either
        var unread = new ReasoningResult([.. answers, new("c", "nothing, too", false, 0, 0, 0)]);
        Assert.Equal([(0.5 + 0.25 + 0 + 1 + 0) / 5, (0.6 + 0.4 + 0 + 1 + 0) / 5], ReasoningResult.Figures(unread.Official).Where(figure => figure.Name is "gIoU" or "box IoU").Select(figure => Math.Round(figure.Value, 12)));
        Assert.Equal(0, unread.Answers[^1].Iou);
        Assert.Contains("number 1", Assert.Throws<SightlineException>(() => result.Compare([.. answers.Reverse()])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutAReadAnswerNothingIsPublished()
    {
        ReasoningAnswer[] answers = [new("a", "x", false, 0, 300, 0), new("b", "y", false, 0, 200, 0)];
        var result = new ReasoningResult(answers, new BootstrapOptions(50));
        Assert.All(ReasoningResult.Figures(result.Published), figure => Assert.Equal(-1, figure.Value));
        Assert.All(ReasoningResult.Figures(result.Official), figure => Assert.Equal(0, figure.Value));
    }

    [Fact]
    public void AnswersThatWereCutOffAreCountedWhereTheyBelong()
    {
        var tally = new AnswerTally(13, 6, 1, 12, 5) { Prompt = "p" };
        Assert.Equal("13 questions with the prompt p: 6 answers could not be read (1 for their coordinates, 5 were cut off by the length limit); 7 could, 7 of them cut off, too", tally.Note);
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream, System.Text.Encoding.UTF8, leaveOpen: true)) AnswerBytes.Write(writer, tally);
        stream.Position = 0;
        using var reader = new BinaryReader(stream);
        Assert.Equal(tally, AnswerBytes.ReadTally(reader));
        Assert.Equal(new AnswerTally(26, 12, 2, 24, 10) { Prompt = "p" }, tally.Plus(tally));
        SpokenAnswer[] spoken = [Answer(false, FinishReason.Length), Answer(true, FinishReason.Length), Answer(false, FinishReason.StopToken), Answer(true, FinishReason.StopToken)];
        Assert.Equal(new AnswerTally(4, 2, 0, 2, 1) { Prompt = "p" }, new AnswerTally().With(spoken));

        static SpokenAnswer Answer(bool isUnderstood, FinishReason reason) => new(AnswerStatus.Complete, "") { Prompt = "p", Raw = "", Reason = reason, PromptTokens = 1, Tokens = 1, IsUnderstood = isUnderstood };
    }

    [Fact]
    public void NamesCountWholeOrInParts()
    {
        ClassificationAnswer[] answers = [new("1", "rose", "rose", true, true, true), new("2", "rose", "rosemary", true, false, true), new("3", "lily", "", false, false, true), new("4", "lily", "lily", true, true, true)];
        var result = new ClassificationResult(answers, new BootstrapOptions(50));
        Assert.Equal((0.5, 1), (result.Official[0].Value, result.Published[0].Value));
        Assert.Equal(0.5, result.Official[1].Value);
        Assert.Equal([("lily", "", 1), ("rose", "rosemary", 1)], result.Confusions);
        var folder = Directory.CreateTempSubdirectory("sightline-").FullName;
        try
        {
            var path = Path.Combine(folder, "a.json");
            using (var stream = File.Create(path))
            using (var writer = new System.Text.Json.Utf8JsonWriter(stream)) result.WriteJson(writer, spread: new RunSpread([1, 2], ["accuracy"], [[0.25], [0.75]]));
            Assert.Equal(answers, ClassificationResult.LoadAnswers(path));
            Assert.Contains("\"deviation\":0.35", File.ReadAllText(path), StringComparison.Ordinal);
            File.WriteAllText(path, "{\"answers\": [{\"picture\": \"1\"}]}");
            Assert.Contains("answers[0]", Assert.Throws<SightlineException>(() => ClassificationResult.LoadAnswers(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }
}
