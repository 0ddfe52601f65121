using Sightline.Geometry;
using Sightline.Text.Answers;
using Sightline.Training.Data;
using Sightline.Training.Recipes;

namespace Sightline.Training.Tests.Data;

public class SceneProblemsTests
{
    private static readonly PhraseProblems s_asking = new(null, "qwen2_vl", (_, _) => CoordinateFrame.Thousandths, 20);

    [Fact]
    public void A_problem_depends_on_seed_and_number_alone()
    {
        var (one, again, other) = (Source(new()), Source(new()), Source(new() { Seed = 1 }));
        for (var i = 9; i >= 0; i--)
        {
            Assert.Equal(Digest(one.Get(i)), Digest(again.Get(i)));
            Assert.NotEqual(Digest(one.Get(i)), Digest(other.Get(i)));
        }

        Assert.Equal(10, Enumerable.Range(0, 10).Select(i => Digest(one.Get(i))).Distinct().Count());
        // one of a million is found by its id without making the others
        Assert.Equal(Digest(one.Get(999_999)), Digest(one.Find("999999")!));
        Assert.Null(one.Find("1000000"));
        Assert.NotEqual(Digest(one.Get(0)), Digest(new SceneProblems("scenes", new SceneProblemRecipe(), 6, s_asking).Get(0)));
    }

    /// <summary>Answers are rounded and the truth is not; both mean the same box of the picture.</summary>
    [Fact]
    public void Answers_are_the_boxes_in_the_form_of_the_prompt()
    {
        var source = Source(new() { MaximumObjects = 3, Step = 20 });
        for (var i = 0; i < 40; i++)
        {
            var problem = source.Get(i);
            Assert.StartsWith("Output the bounding box of ", problem.Prompt, StringComparison.Ordinal);
            Assert.StartsWith("<|box_start|>(", problem.Answer, StringComparison.Ordinal);
            var read = AnswerParser.Parse(problem.Answer!, AnswerKind.Boxes, problem.Frame!.Value);
            Assert.Equal(AnswerStatus.Complete, read.Status);
            var (said, truth) = (Assert.Single(read.Boxes).Box, Assert.Single(problem.Boxes!).Box);
            double[] numbers = [said.X1, said.Y1, said.X2, said.Y2];
            Assert.All(numbers, number => Assert.Equal(0, number % 20));
            Assert.Equal(problem.Pictures[0].Load().Frame, truth.Frame);
            var exact = truth.To(CoordinateFrame.Thousandths);
            double[] exactly = [exact.X1, exact.Y1, exact.X2, exact.Y2];
            Assert.All(numbers.Zip(exactly), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 10.001));
        }
    }

    [Theory]
    [InlineData(0, 0, 3, 200)]
    [InlineData(640, 400, 649, 405)]
    [InlineData(997, 630, 1000, 1000)]
    public void A_box_smaller_than_a_step_keeps_an_area(double x1, double y1, double x2, double y2)
    {
        var box = new Box(x1, y1, x2, y2, CoordinateFrame.Thousandths);
        var problem = s_asking.Make("one", ProblemPicture.FromPixels("none", () => throw new InvalidOperationException()), (64, 64), ("the sliver", [box]));
        var read = AnswerParser.Parse(problem.Answer!, AnswerKind.Boxes, CoordinateFrame.Thousandths);
        Assert.Equal(AnswerStatus.Complete, read.Status);
        Assert.True(Iou.Of(Assert.Single(read.Boxes).Box, box) > 0);
    }

    [Fact]
    public void Several_questions_about_a_scene_are_turns_of_one_conversation()
    {
        var source = Source(new() { MinimumObjects = 3, MaximumObjects = 4, Questions = 3 });
        var problems = Enumerable.Range(0, 20).Select(source.Get).ToList();
        Assert.Contains(problems, problem => problem.Earlier.Count == 4);
        Assert.All(problems, problem => Assert.Equal(problem.Earlier.Select((_, i) => i % 2 == 1), problem.Earlier.Select(turn => turn.IsAnswer)));
        // no object is asked for twice
        Assert.All(problems, problem => Assert.Equal((problem.Earlier.Count / 2) + 1, problem.Earlier.Where(turn => turn.IsAnswer).Select(turn => turn.Text).Append(problem.Answer!).Distinct().Count()));
    }

    [Fact]
    public void Held_out_pairs_are_shown_where_the_recipe_says_so_and_nowhere_else()
    {
        SceneProblemRecipe recipe = new() { Shapes = ["star", "circle"], Colors = ["red", "blue"], HeldOut = ["red star"], MaximumObjects = 2 };
        var (without, with) = (Source(recipe), Source(recipe with { ShowHeldOut = true }));
        for (var i = 0; i < 40; i++)
        {
            Assert.False(IsRedStar(without.Get(i).Subject!), without.Get(i).Subject);
            Assert.DoesNotContain("blue", with.Get(i).Subject!, StringComparison.Ordinal);
        }

        Assert.Contains(Enumerable.Range(0, 40).Select(with.Get), problem => IsRedStar(problem.Subject!));

        static bool IsRedStar(string phrase) => phrase.Contains("red", StringComparison.Ordinal) && phrase.Contains("star", StringComparison.Ordinal);
    }

    [Fact]
    public void Labelled_pictures_are_asked_for_classes_of_which_they_have_one()
    {
        using var folder = new DataFolder();
        folder.Write("data.jsonl", """{"filename": "a.png", "height": 48, "width": 64, "detection": {"instances": [{"bbox": [8, 8, 24, 24], "label": 0, "category": "cup"}, {"bbox": [2, 2, 6, 6], "label": 1, "category": "pea"}, {"bbox": [40, 2, 46, 6], "label": 1, "category": "pea"}]}}""");
        var one = new PictureProblems("things", new PictureProblemRecipe { Path = folder["data.jsonl"] }, s_asking);
        Assert.Equal(1, one.Count);
        Assert.Equal("cup", one.Get(0).Subject);
        Assert.Equal("<|box_start|>(120,160),(380,500)<|box_end|>", one.Get(0).Answer);
        var two = new PictureProblems("things", new PictureProblemRecipe { Path = folder["data.jsonl"], MostBoxes = 2, Labels = ["pea"] }, s_asking);
        Assert.Equal(2, two.Get(0).Boxes!.Count);
        var error = Assert.Throws<SightlineException>(() => new PictureProblems("things", new PictureProblemRecipe { Path = folder["data.jsonl"], Labels = ["plate"] }, s_asking));
        Assert.Contains("labels names 'plate'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Templates_of_other_tasks_are_refused()
    {
        var error = Assert.Throws<SightlineException>(() => new PhraseProblems("qwen2/detection", "qwen2_vl", (_, _) => CoordinateFrame.Thousandths, 1));
        Assert.Contains("a template that asks for a phrase is needed", error.Message, StringComparison.Ordinal);
    }

    private static SceneProblems Source(SceneProblemRecipe recipe) => new("scenes", recipe, 5, s_asking);

    private static string Digest(Problem problem)
    {
        var picture = problem.Pictures[0].Load();
        return $"{problem.Prompt}|{problem.Answer}|{picture.Width}x{picture.Height}|{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(picture.Pixels))}";
    }
}
