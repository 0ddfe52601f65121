using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Tensors;
using Sightline.Training.Evaluation;
using Sightline.Training.Tests.Data;

namespace Sightline.Training.Tests.Evaluation;

public sealed class ReferringResultTests : IDisposable
{
    private static readonly BootstrapOptions Draws = new(400, Seed: 3);
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Phrases_with_one_box_count_for_accuracy_and_all_for_presence()
    {
        var result = new ReferringResult(
        [
            new("a", "red star", 1, false, 0.9, 0.8, true),
            new("a", "left ring", 1, true, 0.4, 0.3, true),
            new("a", "rings", 2, false, 0.7, 0, false),
            new("b", "blue dot", 0, false, 0.1, 0, false),
            new("b", "top ring", 1, true, 0.6, 0.5, false),
        ]);
        Assert.Equal(3, result.Phrases);
        Assert.Equal(2 / 3.0, result.Boxes.AccuracyAt(0.5), 1e-12);
        Assert.Equal(1 / 2.0, result.RelationalAccuracy, 1e-12);
        Assert.Equal(2 / 3.0, result.Pointing, 1e-12);
        Assert.Equal(new PresenceScore(3, 0, 1, 1), result.Presence);
    }

    [Fact]
    public void Nothing_asked_is_nothing_measured()
    {
        var result = new ReferringResult([], Draws);
        Assert.Equal((0, -1, -1, -1), (result.Phrases, result.Boxes.MeanIou, result.RelationalAccuracy, result.Pointing));
    }

    [Fact]
    public void Intervals_draw_pictures_not_phrases()
    {
        // ten pictures, all phrases of a picture alike: twenty times the phrases must not look like twenty times the evidence
        var few = Interval(Answers(pictures: 10, phrases: 1));
        var many = Interval(Answers(pictures: 10, phrases: 20));
        Assert.Equal(few, many);
        Assert.True(Bootstrap.OfMean(Answers(10, 20).Select(answer => answer.Iou).ToArray(), Draws) is var apart && apart.High - apart.Low < (few.High - few.Low) / 2);

        static Sightline.Training.Evaluation.Interval Interval(IReadOnlyList<ReferringAnswer> answers) => new ReferringResult(answers, Draws).Boxes.AccuracyIntervals[1];
    }

    [Fact]
    public void A_group_of_each_sample_is_no_group()
    {
        double[] values = [.. Enumerable.Range(0, 30).Select(i => Math.Sin(i))];
        var own = Enumerable.Range(0, 30).ToArray();
        Assert.Equal(Bootstrap.OfMean(values, Draws), Bootstrap.OfMean(values, Draws, own));
        var other = values.Reverse().ToArray();
        Assert.Equal(Bootstrap.Compare("x", values, other, Draws), Bootstrap.Compare("x", values, other, Draws, own));
        Assert.Throws<ArgumentException>(() => Bootstrap.OfMean(values, Draws, [1, 2]));
    }

    [Fact]
    public void A_better_run_is_told_from_an_equal_one()
    {
        var answers = Answers(60, 3);
        var same = new ReferringResult(answers).Compare(answers, Draws);
        Assert.All(same, comparison => Assert.Equal((0.0, 1.0), (comparison.Difference, comparison.PValue)));
        var worse = answers.Select((answer, i) => answer with { Iou = i / 3 % 3 == 0 ? 0 : answer.Iou }).ToList();
        var accuracy = new ReferringResult(answers).Compare(worse, Draws).Single(comparison => comparison.Name == "accuracy at IoU 0.5");
        Assert.True(accuracy.Difference > 0 && accuracy.PValue < 0.01 && accuracy.Interval.Low > 0);
        // the same difference within one picture proves nothing: it is exchanged as a whole
        var one = answers.Select(answer => answer with { Picture = "a" }).ToList();
        Assert.Equal(1, new ReferringResult(one).Compare([.. worse.Select(answer => answer with { Picture = "a" })], Draws)[1].PValue, 0.01);
    }

    [Fact]
    public void Other_phrases_are_not_compared()
    {
        var answers = Answers(3, 2);
        foreach (var other in new[] { answers.SkipLast(1), answers.Append(answers[0]), answers.Select(answer => answer with { Phrase = "x" }), answers.Select(answer => answer with { Truths = 2 }) })
        {
            var error = Assert.Throws<SightlineException>(() => new ReferringResult(answers).Compare([.. other], Draws));
            Assert.Equal(ErrorKind.BadData, error.Kind);
            Assert.Contains("the two runs answered different phrases: number ", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        var answers = Answers(4, 2);
        Assert.Equal(answers, ReferringAnswers.Load(_folder.Write("score.json", Json(new ReferringResult(answers, Draws)))));
    }

    [Theory]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "no list 'answers'")]
    [InlineData("""{"answers": 3}""", "no list 'answers'")]
    [InlineData("""{"answers": [7]}""", "answers[0]")]
    [InlineData("""{"answers": [{"picture": "a"}]}""", "answers[0]")]
    [InlineData("""{"answers": [{"picture": "a", "phrase": "b", "boxes": 1.5, "relational": true, "presence": 1, "iou": 1, "pointed": true}]}""", "answers[0]")]
    [InlineData("""{"answers": [{"picture": "a", "phrase": null, "boxes": 1, "relational": true, "presence": 1, "iou": 1, "pointed": true}]}""", "answers[0]: a value is out of range")]
    [InlineData("""{"answers": [{"picture": "a", "phrase": "b", "boxes": 1, "relational": true, "presence": 1, "iou": 2, "pointed": true}]}""", "answers[0]: a value is out of range")]
    public void A_file_that_is_no_score_is_refused(string text, string sentence)
    {
        var error = Assert.Throws<SightlineException>(() => ReferringAnswers.Load(_folder.Write("bad.json", text)));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains("bad.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_are_refused_and_nothing_else_happens()
    {
        var good = Json(new ReferringResult(Answers(2, 2), Draws));
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new RandomStream((ulong)seed);
            var text = new StringBuilder(good);
            for (var change = 0; change < 3; change++)
            {
                var at = random.NextInt(text.Length);
                if (random.NextBool()) text.Remove(at, Math.Min(random.NextInt(1, 20), text.Length - at));
                else text[at] = (char)random.NextInt(32, 127);
            }

            try
            {
                ReferringAnswers.Load(_folder.Write("damaged.json", text.ToString()));
            }
            catch (SightlineException error) when (error.Kind == ErrorKind.BadData)
            {
            }
        }).QuickCheckThrowOnFailure();
    }

    private static string Json(ReferringResult result)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) result.WriteJson(writer);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static List<ReferringAnswer> Answers(int pictures, int phrases) =>
    [
        .. from picture in Enumerable.Range(0, pictures)
           from phrase in Enumerable.Range(0, phrases)
           select new ReferringAnswer($"{picture}.jpg", $"phrase {phrase}", 1, phrase % 2 == 0, 0.75, picture % 5 < 3 ? 1 : 0, picture % 2 == 0),
    ];
}
