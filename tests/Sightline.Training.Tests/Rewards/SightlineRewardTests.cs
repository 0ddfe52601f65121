using FsCheck;
using FsCheck.Fluent;
using Sightline.Geometry;
using Sightline.Text.Answers;
using Sightline.Training.Rewards;

namespace Sightline.Training.Tests.Rewards;

public class SightlineRewardTests
{
    private const string Two = "<answer>[{'Position': [0, 0, 100, 100], 'Confidence': 1}, {'Position': [500, 500, 600, 600], 'Confidence': 1}]</answer>";
    private const string One = "<answer>(0,0),(100,100)</answer>";

    [Theory]
    // exact, shifted by half, doubled, one of two, exchanged order
    [InlineData("box_iou", Two, Two, 1)]
    [InlineData("box_iou", "(0,50),(100,150)", One, 1.0 / 3)]
    [InlineData("box_iou", "(0,0),(100,100),(0,0),(100,100)", One, 0.5)]
    [InlineData("box_iou", "(500,500),(600,600)", Two, 0.5)]
    [InlineData("box_iou", "(500,500),(600,600),(0,0),(100,100)", Two, 1)]
    // the sum is the greatest there is: the first box would take the second's partner
    [InlineData("box_iou", "(0,0),(100,100),(0,20),(100,120)", "(0,10),(100,110),(0,30),(100,130)", 9.0 / 11)]
    [InlineData("box_iou", "No Objects", "<answer>No Objects</answer>", 1)]
    [InlineData("box_iou", "No Objects", One, 0)]
    [InlineData("box_iou", "(0,0),(100,100)", "No Objects", 0)]
    [InlineData("box_iou", "(0,0),(100,100", One, 0)]
    [InlineData("box_iou", "<answer>(0,0),(100,100),(500,50", One, 1)] // cut off: what is whole counts
    [InlineData("box_iou", "(0,0),(100,100),(5,5),(5,5)", One, 0)]
    [InlineData("box_iou", "(0,0),(0.1,0.1)", One, 0)]
    [InlineData("box_iou", "(-20,-20),(100,100)", One, 1)] // held to the picture
    [InlineData("box_giou", "(0,0),(100,100)", One, 1)]
    [InlineData("box_giou", "(100,0),(200,100)", One, 0.5)]
    [InlineData("box_center", "(0,0),(200,200)", One, 0.25 * 0.5)] // half a diagonal away, four times as large
    [InlineData("box_center", "(-20,-20),(100,100)", One, 1)] // held to the picture
    [InlineData("box_center", "(300,475),(700,525)", "(400,400),(600,600)", 0.5 * 0.25)] // the same centre, half the area of another shape
    [InlineData("count", "(0,0),(1,1)", Two, 0.5)]
    [InlineData("count", "(0,0),(1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7)", Two, 0.5)]
    [InlineData("confidence", "[{'Position': [0, 0, 100, 100], 'Confidence': 0.8}]", One, 0.96)]
    [InlineData("confidence", "[{'Position': [300, 0, 400, 100], 'Confidence': 0.8}]", One, 0)]
    [InlineData("confidence", "[{'Position': [0, 0, 100, 100], 'Confidence': 1}, {'Position': [300, 0, 400, 100], 'Confidence': 0.5}]", One, 0.375)]
    [InlineData("confidence", "[{'Position': [0, 0, 100, 100]}]", One, 0)]
    [InlineData("confidence", "[{'Position': [0, 0, 100, 100], 'Confidence': 5}]", One, 0)]
    [InlineData("point", "(50,50)", One, 1)]
    [InlineData("point", "(50,50),(60,60)", Two, 0.5)]
    [InlineData("point", "(150,50)", One, 0)]
    [InlineData("gaussian_point", "(50,100)", One, 0.6065306597126334)]
    [InlineData("format", "<think>so</think><answer>(0,0),(100,100)</answer>", One, 1)]
    [InlineData("format", "<think></think><answer>(0,0),(100,100)</answer>", One, 0)]
    [InlineData("format", "<think>so</think><answer>here</answer>", One, 0)]
    [InlineData("format", "<think>so</think><answer>a pug</answer>", "<answer>beagle</answer>", 1)]
    [InlineData("label", "<answer>golden-retriever</answer>", "<answer>Golden_Retriever</answer>", 1)]
    [InlineData("label", "golden", "<answer>Golden_Retriever</answer>", 0)]
    public void ScoresAreAsDefined(string name, string completion, string solution, double expected) =>
        Assert.Equal(expected, RewardFunctions.Get("sightline/" + name).Score(new RewardCase(completion, solution)), 12);

    [Fact]
    public void NamedClassesMustAgree()
    {
        const string solution = "[{\"bbox_2d\": [0, 0, 100, 100], \"label\": \"cat\"}, {\"bbox_2d\": [500, 500, 600, 600], \"label\": \"Traffic Light\"}]";
        var reward = RewardFunctions.Get("sightline/box_iou");
        Assert.Equal(0.5, reward.Score(new RewardCase("[{\"bbox_2d\": [0, 0, 100, 100], \"label\": \"dog\"}, {\"bbox_2d\": [500, 500, 600, 600], \"label\": \"traffic light\"}]", solution)));
        Assert.Equal(0, reward.Score(new RewardCase("(0,0),(100,100)", solution))); // two classes: the name is needed
        Assert.Equal(1, reward.Score(new RewardCase("(0,0),(100,100)", "[{\"bbox_2d\": [0, 0, 100, 100], \"label\": \"cat\"}]")));
    }

    [Fact]
    public void SynonymsAndFramesAreTheCases()
    {
        Assert.Equal(1, RewardFunctions.Get("sightline/label").Score(new RewardCase("VW", "Volkswagen") { Synonyms = ["vw"] }));
        var pixels = new RewardCase("[{\"bbox_2d\": [0, 0, 1200, 900]}]", "[0, 0, 1200, 900]") { Frame = CoordinateFrame.Pixels(1280, 960) };
        Assert.Equal((1, 0), (RewardFunctions.Get("sightline/box_iou").Score(pixels), RewardFunctions.Get("sightline/box_iou").Score(pixels with { Frame = CoordinateFrame.Pixels(640, 480), Solution = "[0, 0, 600, 400]" })));
        Assert.Equal("BadSolution", Assert.Throws<RewardException>(() => RewardFunctions.Get("sightline/box_iou").Score(new RewardCase("(0,0),(1,1)", "somewhere"))).Type);
        // inside the overshoot that is allowed, and yet not in the picture
        Assert.Equal("BadSolution", Assert.Throws<RewardException>(() => RewardFunctions.Get("sightline/box_center").Score(new RewardCase("(1001,0),(1020,100)", "(1001,0),(1020,100)"))).Type);
    }

    [Theory]
    [InlineData("<think>")]
    [InlineData("<think>I look and")]
    [InlineData("<think>I look.</think><answer>")]
    [InlineData("(0,0),(100")]
    [InlineData("<answer>[{'Position': [0, 0")]
    public void AnAnswerThatNeverComesDoesNotSayThatNothingIsThere(string completion)
    {
        foreach (var name in new[] { "box_iou", "box_giou", "box_center", "confidence", "count", "point", "gaussian_point" })
        {
            foreach (var isCut in new[] { false, true }) Assert.Equal(0, RewardFunctions.Get("sightline/" + name).Score(new RewardCase(completion, "<answer>No Objects</answer>") { IsCut = isCut }));
        }
    }

    [Fact]
    public void AnyTextScoresBetween0And1()
    {
        var pieces = Gen.Elements("<think>", "</think>", "<answer>", "</answer>", "[", "]", "{", "}", "'Position': ", "'Confidence': ", "(0,0),(100,100)", "[0, 0, 100, 100]", "(7,8)", "0.5", "-3", "NaN", ",", "No Objects", "\"label\": \"cat\"", "1e9");
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(pieces.ListOf().Select(list => string.Concat(list)).ToArbitrary(), text =>
        {
            foreach (var reward in RewardFunctions.All.Where(reward => reward.Name.StartsWith("sightline/", StringComparison.Ordinal))) Assert.InRange(reward.Score(new RewardCase(text, Two)), 0, 1);
        }));
    }

    [Fact]
    public void TheSolutionItselfScoresFull()
    {
        var boxes = (from x in Gen.Choose(0, 900) from y in Gen.Choose(0, 900) from w in Gen.Choose(1, 100) from h in Gen.Choose(1, 100) select new AnsweredBox(new Box(x, y, x + w, y + h, CoordinateFrame.Thousandths), null, 1)).ListOf();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(boxes.ToArbitrary(), list =>
        {
            var answer = AnswerWriter.InTags("so", AnswerWriter.Boxes(AnswerForm.Positions, [.. list.Take(8)], CoordinateFrame.Thousandths));
            foreach (var name in new[] { "box_iou", "box_giou", "box_center", "confidence", "count", "format" }) Assert.Equal(1, RewardFunctions.Get("sightline/" + name).Score(new RewardCase(answer, answer)), 12);
        }));
    }
}
