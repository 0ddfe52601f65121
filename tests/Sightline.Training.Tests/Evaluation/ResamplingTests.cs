using Sightline.Tensors;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Tests.Evaluation;

public class ResamplingTests
{
    private static readonly BootstrapOptions _bootstrap = new(12, Seed: 5);

    // The short cut (weights on stored matches) against the definition: a set in which pictures really occur again.
    [Theory]
    [InlineData("many_categories_ties")]
    [InlineData("ties_crowd")]
    [InlineData("more_than_100_ties")]
    [InlineData("mixed_sizes")]
    public void WeightsEqualReallyRedrawnPictures(string set)
    {
        var (truth, tied) = CocoEvaluatorTests.Load(set, RegionKind.Box);
        // equal scores within one picture: its copies are counted side by side rather than one after the other, so ties are broken here
        CocoDetection[] detections = [.. tied.Select((d, i) => d with { Score = d.Score - (i * 1e-9) })];
        var options = new CocoEvaluationOptions();
        var figures = DetectionFigure.Coco(options);
        var table = DetectionTable.Build(truth, detections, false, RegionKind.Box, false);
        var weights = PictureWeights.Bootstrap(truth.Images.Count, _bootstrap);
        var replicates = new double[table.Groups][];
        for (var k = 0; k < table.Groups; k++)
        {
            var matches = new CategoryMatcher(table, options, 100).Match(k);
            replicates[k] = new double[figures.Length * weights.Sets];
            new ReplicateScorer(options, figures).Score(OrderedMatches.From(matches), matches, weights, weights, replicates[k]);
        }

        var evaluation = new DetectionEvaluation(table, options, figures);
        for (var b = 0; b < weights.Sets; b++)
        {
            var (drawnTruth, drawnDetections) = Redraw(truth, detections, table.ImageIds, weights.Of(b));
            var expected = CocoEvaluator.Evaluate(drawnTruth, drawnDetections).Stats;
            for (var f = 0; f < figures.Length; f++) Assert.Equal(expected[f], evaluation.Means(replicates, f, weights.Sets)[b], 1e-12);
        }
    }

    [Theory]
    [InlineData("many_categories_ties")]
    [InlineData("more_than_100_ties")]
    [InlineData("crowd")]
    public void EveryPictureOnceIsTheSetItself(string set)
    {
        var (truth, detections) = CocoEvaluatorTests.Load(set, RegionKind.Box);
        var score = CocoEvaluator.Evaluate(truth, detections);
        foreach (var (own, expected) in CocoEvaluator.Compare(truth, detections, detections, new CocoEvaluationOptions { Bootstrap = new BootstrapOptions(2) }).Zip(score.Stats))
            Assert.Equal(expected, own.A, 1e-12);
    }

    private static (CocoGroundTruth Truth, List<CocoDetection> Detections) Redraw(CocoGroundTruth truth, IReadOnlyList<CocoDetection> detections, long[] ids, ReadOnlySpan<byte> weights)
    {
        var images = new List<CocoImage>();
        var annotations = new List<CocoAnnotation>();
        var drawn = new List<CocoDetection>();
        for (var i = 0; i < ids.Length; i++)
        {
            for (var copy = 0; copy < weights[i]; copy++)
            {
                var id = (ids[i] * 1000) + copy;
                images.Add(new CocoImage(id, 1, 1));
                foreach (var a in truth.Annotations.Where(a => a.ImageId == ids[i])) annotations.Add(a with { Id = annotations.Count + 1, ImageId = id, Area = a.Area });
                drawn.AddRange(detections.Where(d => d.ImageId == ids[i]).Select(d => d with { ImageId = id }));
            }
        }

        return (new CocoGroundTruth(images, truth.Categories, annotations), drawn);
    }

    [Fact]
    public void ExchangedRunsEqualReallyExchangedFiles()
    {
        var (truth, a) = CocoEvaluatorTests.Load("many_categories_ties", RegionKind.Box);
        var b = Worsen(a, 0.3);
        var options = new CocoEvaluationOptions();
        var figures = DetectionFigure.Coco(options);
        var (tableA, tableB) = (DetectionTable.Build(truth, a, false, RegionKind.Box, false), DetectionTable.Build(truth, b, false, RegionKind.Box, false));
        var exchanges = PictureWeights.Exchanges(truth.Images.Count, _bootstrap);
        var once = PictureWeights.Once(truth.Images.Count, exchanges.Sets);
        var replicates = new double[tableA.Groups][];
        for (var k = 0; k < tableA.Groups; k++)
        {
            var (matchesA, matchesB) = (new CategoryMatcher(tableA, options, 100).Match(k), new CategoryMatcher(tableB, options, 100).Match(k));
            replicates[k] = new double[figures.Length * exchanges.Sets];
            new ReplicateScorer(options, figures).Score(OrderedMatches.Merge(matchesA, matchesB, truth.Images.Count), matchesA, exchanges, once, replicates[k]);
        }

        var evaluation = new DetectionEvaluation(tableA, options, figures);
        for (var s = 0; s < exchanges.Sets; s++)
        {
            var row = exchanges.Of(s).ToArray();
            var fromA = tableA.ImageIds.Where((_, i) => row[i] == 1).ToHashSet();
            CocoDetection[] mixed = [.. a.Where(d => fromA.Contains(d.ImageId)), .. b.Where(d => !fromA.Contains(d.ImageId))];
            var expected = CocoEvaluator.Evaluate(truth, mixed).Stats;
            for (var f = 0; f < figures.Length; f++) Assert.Equal(expected[f], evaluation.Means(replicates, f, exchanges.Sets)[s], 1e-12);
        }
    }

    [Fact]
    public void IntervalsHoldTheFigureAndDependOnTheSeedOnly()
    {
        var (truth, detections) = CocoEvaluatorTests.Load("mixed_sizes", RegionKind.Box);
        DetectionScore Run(ulong seed) => CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Bootstrap = new BootstrapOptions(300, Seed: seed) });
        var (score, again, other) = (Run(1), Run(1), Run(2));
        Assert.Equal(score.Intervals, again.Intervals);
        Assert.NotEqual(score.Intervals, other.Intervals);
        for (var f = 0; f < 12; f++)
        {
            Assert.InRange(score.Stats[f], score.Intervals[f].Low, score.Intervals[f].High);
            Assert.True(score.Intervals[f].High - score.Intervals[f].Low is > 0 and < 0.7);
        }

        Assert.All(score.PerClass, c => Assert.InRange(c.Ap, c.ApInterval!.Value.Low, c.ApInterval.Value.High));
    }

    [Fact]
    public void AClearDifferenceIsSignificantAndNoneIsNot()
    {
        var (truth, a) = CocoEvaluatorTests.Load("many_categories", RegionKind.Box);
        var options = new CocoEvaluationOptions { Bootstrap = new BootstrapOptions(200) };
        var same = CocoEvaluator.Compare(truth, a, a, options);
        Assert.All(same, c => Assert.Equal((0.0, 1.0), (c.Difference, c.PValue)));
        var worse = CocoEvaluator.Compare(truth, a, Worsen(a, 0.7), options);
        Assert.Equal(CocoEvaluator.Evaluate(truth, a)["AP"], worse[0].A, 1e-12);
        Assert.True(worse[0].Difference > 0.05);
        Assert.True(worse[0].Interval.Low > 0);
        Assert.Equal(1.0 / 201, worse[0].PValue, 1e-12);
    }

    [Fact]
    public void MeansHaveTheCoverageThatTheyClaim()
    {
        // 400 sets of 40 uniform values: the mean 0.5 should lie in about 95 % of the intervals (percentile intervals run a little short)
        var random = new RandomStream(9);
        var covered = 0;
        for (var trial = 0; trial < 400; trial++)
        {
            var values = new double[40];
            for (var i = 0; i < values.Length; i++) values[i] = random.NextDouble();
            var interval = Bootstrap.OfMean(values, new BootstrapOptions(200, Seed: (ulong)trial));
            if (interval.Low <= 0.5 && interval.High >= 0.5) covered++;
        }

        Assert.InRange(covered / 400.0, 0.90, 0.98);
    }

    [Fact]
    public void PairedTestKeepsItsLevelAndFindsShifts()
    {
        var random = new RandomStream(4);
        var falseAlarms = 0;
        for (var trial = 0; trial < 200; trial++)
        {
            var (a, b) = (new double[30], new double[30]);
            for (var i = 0; i < 30; i++)
            {
                var shared = random.NextNormal();
                (a[i], b[i]) = (shared + random.NextNormal(), shared + random.NextNormal());
            }

            if (Bootstrap.Compare("iou", a, b, new BootstrapOptions(99, Seed: (ulong)trial)).PValue <= 0.05) falseAlarms++;
        }

        Assert.InRange(falseAlarms, 2, 20); // 10 expected
        double[] low = [.. Enumerable.Range(0, 30).Select(_ => random.NextDouble())];
        var shifted = Bootstrap.Compare("iou", [.. low.Select(v => v + 0.01)], low);
        Assert.Equal(0.01, shifted.Difference, 1e-12);
        Assert.Equal(1.0 / 1001, shifted.PValue, 1e-12);
        Assert.Throws<ArgumentException>(() => Bootstrap.Compare("iou", [1], []));
    }

    private static List<CocoDetection> Worsen(IReadOnlyList<CocoDetection> detections, double share)
    {
        var random = new RandomStream(1);
        return [.. detections.Select(d => random.NextBool(share) ? d with { X = d.X + (d.Width / 4) } : d)];
    }
}
