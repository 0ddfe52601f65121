using Sightline.Training.Evaluation;

namespace Sightline.Training.Tests.Evaluation;

/// <summary>The edges of the rule that random sets seldom touch; each line of the official code that it comes from is simple enough to check by eye.</summary>
public class DetectionMatchingTests
{
    private static int[] Match(double[] iou, int detections, int[] order, int counting, double threshold, bool[]? crowd = null)
    {
        var match = new int[detections];
        DetectionMatching.Match(iou, order, counting, crowd ?? [], threshold, new bool[order.Length], match);
        return match;
    }

    [Fact]
    public void TheThresholdItselfIsEnough()
    {
        Assert.Equal([0], Match([0.5], 1, [0], 1, 0.5));
        Assert.Equal([-1], Match([Math.BitDecrement(0.5)], 1, [0], 1, 0.5));
        Assert.Equal([0], Match([1 - 1e-10], 1, [0], 1, 1)); // a perfect overlap, rounded
    }

    [Fact]
    public void OfEqualOverlapsTheLastTruthWins() => Assert.Equal([1, 0, -1], Match([.7, .7, .7, .7, .7, .7], 3, [0, 1], 2, 0.5));

    [Fact]
    public void ABetterDetectionChoosesFirst() => Assert.Equal([0, 1], Match([.9, .6, .95, .5], 2, [0, 1], 2, 0.5));

    [Fact]
    public void IgnoredTruthsAreTakenOnlyWhenNoneThatCountsFits()
    {
        Assert.Equal([1], Match([.9, .6], 1, [1, 0], 1, 0.5)); // truth 0 is ignored, though nearer
        Assert.Equal([0], Match([.9, .4], 1, [1, 0], 1, 0.5));
        Assert.Equal([0, -1], Match([.9, .9], 2, [0], 0, 0.5)); // ignored, but taken once only
        Assert.Equal([0, 0], Match([.9, .9], 2, [0], 0, 0.5, [true])); // a crowd again and again
    }

    [Theory]
    [InlineData(1024, true, true, false)] // bounds belong to both ranges
    [InlineData(1023.99, true, false, false)]
    [InlineData(1024.01, false, true, false)]
    [InlineData(9216, false, true, true)]
    public void AreaBoundsBelongToBothRanges(double area, bool small, bool medium, bool large)
    {
        var truth = new CocoGroundTruth([new CocoImage(1, 200, 200)], [new CocoCategory(1, "a")], [new CocoAnnotation(1, 1, 1, 0, 0, 50, 50) { Area = area }]);
        var score = CocoEvaluator.Evaluate(truth, []);
        Assert.Equal((small ? 0 : -1, medium ? 0 : -1, large ? 0 : -1), ((int)score["APsmall"], (int)score["APmedium"], (int)score["APlarge"]));
    }

    [Fact]
    public void HalfAnOverlapCountsAtHalfOnly()
    {
        var truth = new CocoGroundTruth([new CocoImage(1, 200, 200)], [new CocoCategory(1, "a")], [new CocoAnnotation(1, 1, 1, 0, 0, 50, 50)]);
        var score = CocoEvaluator.Evaluate(truth, [new CocoDetection(1, 1, 0, 0, 50, 100, 0.5)]);
        Assert.Equal(1, score["AP50"], 1e-12);
        Assert.Equal(0, score["AP75"]);
        Assert.Equal(0.1, score["AP"], 1e-12);
    }
}
