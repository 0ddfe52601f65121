using Sightline.Training.Evaluation;

namespace Sightline.Training.Tests.Evaluation;

public sealed class PictureFailuresTests
{
    private static readonly CocoGroundTruth s_truth = new(
        [new CocoImage(5, 100, 100, "a.png"), new CocoImage(6, 100, 100, "b.png"), new CocoImage(7, 100, 100, "c.png")],
        [new CocoCategory(1, "cup"), new CocoCategory(2, "cat")],
        [
            new CocoAnnotation(1, 5, 1, 10, 10, 20, 20),
            new CocoAnnotation(2, 5, 2, 50, 50, 20, 20),
            new CocoAnnotation(3, 6, 1, 10, 10, 20, 20),
            new CocoAnnotation(4, 6, 1, 60, 60, 20, 20) { IsCrowd = true },
            new CocoAnnotation(5, 7, 2, 10, 10, 20, 20),
        ]);

    [Fact]
    public void The_picture_with_most_missed_and_surest_wrong_comes_first()
    {
        var worst = PictureFailures.Worst(s_truth,
        [
            new CocoDetection(5, 1, 10, 10, 20, 20, 0.9), // right
            new CocoDetection(5, 1, 11, 11, 20, 20, 0.8), // the same cup again
            new CocoDetection(5, 1, 50, 50, 20, 20, 0.5), // a cat called a cup
            new CocoDetection(5, 1, 70, 5, 20, 20, 0.1), // not shown
            new CocoDetection(6, 1, 10, 10, 20, 20, 0.9), // right
            new CocoDetection(6, 1, 62, 62, 15, 15, 0.9), // within the crowd
            new CocoDetection(7, 2, 40, 40, 20, 20, 0.7), // beside it
        ]);
        Assert.Equal([0, 2], worst.Select(failures => failures.Image));
        Assert.Equal([2L], worst[0].Missed.Select(item => item.Id));
        Assert.Equal([0.8, 0.5], worst[0].Wrong.Select(found => found.Score));
        Assert.Equal([0.9], worst[0].Right.Select(found => found.Score));
        Assert.Equal(2.3, worst[0].Weight, 12);
        Assert.Equal(1.7, worst[1].Weight, 12);
    }

    [Fact]
    public void Nothing_wrong_is_no_failure() =>
        Assert.Empty(PictureFailures.Worst(new CocoGroundTruth([new CocoImage(1, 10, 10, "a.png")], [new CocoCategory(1, "cup")], []), []));
}
