using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Text.Answers;
using Sightline.Training.Data;
using Sightline.Training.Evaluation;
using Sightline.Training.Expressions;
using Sightline.Training.Grounding;
using Sightline.Training.Tests.Data;

namespace Sightline.Training.Tests.Grounding;

/// <summary>What is asked of a model over a data set, and how its answers count; the model is one that always says the same.</summary>
public sealed class DataSetEvaluatorTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Right_boxes_score_one_and_every_class_is_asked()
    {
        var parrot = new Parrot((phrase, frame) => phrase == "dog" ? new Box(4, 4, 24, 20, frame) : null);
        using var grounder = Grounder.For(parrot);
        var (score, detections) = await new DataSetEvaluator(grounder) { ClassesTogether = 2 }.DetectAsync(Pets(""), ClassNames.Plain);
        Assert.Equal("coco/bbox", score.Metric);
        Assert.Equal(1, score.Stats[0], 1e-9);
        Assert.Single(detections);
        Assert.Equal([(2, "dog, cat, bird")], parrot.Asked);
    }

    [Fact]
    public async Task A_set_that_lists_absent_classes_is_scored_as_LVIS_does()
    {
        // the dog in the wrong place is an error where dogs were looked for, and nothing where nobody looked
        var parrot = new Parrot((phrase, frame) => phrase is "dog" or "bird" ? new Box(4, 4, 24, 20, frame) : null);
        using var grounder = Grounder.For(parrot);
        var looked = Pets("""
            {"picture": "b.bmp", "width": 32, "height": 24, "absent": ["dog", "cat"], "frame": "pixels", "objects": []}
            """);
        var (truth, detections) = await new DataSetEvaluator(grounder).FindAsync(looked, ClassNames.Plain);
        var score = DataSetEvaluator.Score(truth, detections);
        Assert.Equal("lvis/bbox", score.Metric);
        Assert.Equal(1, score.Stats[0], 1e-9); // the only dog comes first; the bird is not scored anywhere
        Assert.Equal("lvis/bbox", DataSetEvaluator.Score(truth, []).Metric);
        Assert.All(DataSetEvaluator.Compare(truth, detections, detections, new BootstrapOptions(10)), comparison => Assert.Equal(0, comparison.Difference));
    }

    [Fact]
    public async Task Expressions_are_asked_one_by_one_unless_told_otherwise()
    {
        var parrot = new Parrot((_, frame) => new Box(4, 4, 24, 20, frame));
        using var grounder = Grounder.For(parrot);
        var data = Pets("""
            {"picture": "b.bmp", "width": 32, "height": 24, "phrase": "the dog", "boxes": [[4, 4, 24, 20]], "frame": "pixels"}
            {"picture": "b.bmp", "width": 32, "height": 24, "phrase": "a cat", "boxes": [], "frame": "pixels"}
            {"picture": "b.bmp", "width": 32, "height": 24, "phrase": "the left one", "boxes": [[0, 0, 8, 8]], "frame": "pixels"}
            """);
        var result = await new DataSetEvaluator(grounder).ReferAsync(data, ClassNames.Plain);
        Assert.Equal([(1, "the dog, a cat, the left one")], parrot.Asked);
        Assert.Equal([1, 0, 1], result.Answers.Select(answer => answer.Truths));
        Assert.Equal([1.0, 0, result.Answers[2].Iou], result.Answers.Select(answer => answer.Iou));
        Assert.InRange(result.Answers[2].Iou, 0.01, 0.2);
        Assert.Equal([false, false, true], result.Answers.Select(answer => answer.Relational));
        Assert.Equal(new PresenceScore(2, 1, 0, 0), result.Presence);
        Assert.Equal(1, result.Together);
        Assert.Equal(8, (await new DataSetEvaluator(grounder) { PhrasesTogether = 8 }.ReferAsync(data, ClassNames.Plain)).Together);
        Assert.Equal(8, parrot.Asked[^1].Together);
    }

    [Theory]
    [InlineData(false, 0, false)] // nonsense about what is not there
    [InlineData(false, 1, false)] // nonsense about what is there
    [InlineData(true, 0, true)] // "nothing here", rightly
    [InlineData(true, 1, false)] // and wrongly
    public void An_answer_that_cannot_be_read_is_never_right(bool isUnderstood, int boxes, bool isRight)
    {
        var picture = new Picture(8, 8, new byte[8 * 8 * 3]);
        var spoken = new SpokenAnswer(isUnderstood ? AnswerStatus.NothingThere : AnswerStatus.Malformed, "") { Prompt = "x", Raw = "", Reason = FinishReason.StopToken, PromptTokens = 1, Tokens = 1, IsUnderstood = isUnderstood };
        var asked = new PhraseBoxes("the dog", [.. Enumerable.Repeat(new Box(1, 1, 4, 4, picture.Frame), boxes)]);
        var result = new ReferringResult([DataSetEvaluator.Judge("a", asked, new PhraseAnswer("the dog", 0, []) { Spoken = spoken }, picture)]);
        Assert.Equal(isRight ? 1 : 0, result.Presence.Accuracy);
        Assert.All(result.Answers, answer => Assert.Equal(0, answer.Iou));
    }

    [Fact]
    public async Task A_set_without_phrases_says_how_to_get_some()
    {
        using var grounder = Grounder.For(new Parrot((_, _) => null));
        var error = await Assert.ThrowsAsync<SightlineException>(() => new DataSetEvaluator(grounder).ReferAsync(Pets(""), ClassNames.Plain));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains("--expressions N", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_is_no_class_is_refused()
    {
        var error = Assert.Throws<SightlineException>(() => Pets("").WithIncomplete(["dog", "Dog"]));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains("'Dog' is given as incompletely labelled but is no class of set; it has dog, cat, bird", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"dog": "hound", "cta": "cat"}""", "'cta', which is no class of set, and has no entry for 'cat'")]
    [InlineData("""{"dog": "hound", "cat": "cat", "bird": "bird", "fish": "fish"}""", null)] // shared by several sets
    [InlineData("""{"dog": "hound"}""", null)]
    public void A_slip_in_the_names_of_classes_is_found(string names, string? sentence)
    {
        var path = _folder.Write("names.json", names);
        if (sentence is null)
        {
            Assert.Equal("hound", ClassNames.LoadFor(Pets(""), path).PhraseOf("dog"));
            return;
        }

        var error = Assert.Throws<SightlineException>(() => ClassNames.LoadFor(Pets(""), path));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A picture with a dog, and what else is said.</summary>
    private DataSet Pets(string more)
    {
        foreach (var name in new[] { "a.bmp", "b.bmp" }) _folder.WriteBmp(name, 32, 24, (x, y) => ((byte)x, (byte)y, 0));
        return DataSet.Open(_folder.Write("set.jsonl", $$"""
            {"classes": ["dog", "cat", "bird"]}
            {"picture": "a.bmp", "width": 32, "height": 24, "frame": "pixels", "objects": [{"label": "dog", "box": [4, 4, 24, 20]}]}
            {{more}}
            """));
    }

    private sealed class Parrot(Func<string, CoordinateFrame, Box?> answer) : IGroundingModel
    {
        public List<(int Together, string Phrases)> Asked { get; } = [];

        public string Description => "says the same of every picture";

        public GroundingResult Ground(Picture picture, IReadOnlyList<string> phrases, GroundingOptions options, CancellationToken cancellationToken)
        {
            Asked.Add((options.PhrasesTogether, string.Join(", ", phrases)));
            return new GroundingResult(picture, [.. phrases.Select(phrase =>
                new PhraseAnswer(phrase, answer(phrase, picture.Frame) is null ? 0.1 : 0.9, answer(phrase, picture.Frame) is { } box ? [new Detection(phrase, box, 0.8)] : []))]);
        }

        public void Dispose()
        {
        }
    }
}
