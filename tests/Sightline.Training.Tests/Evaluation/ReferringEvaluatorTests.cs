using System.Text.Json;
using Sightline.Geometry;
using Sightline.Testing;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Tests.Evaluation;

public class ReferringEvaluatorTests
{
    // IoU 1e-12, means 1e-9 (fixture README)
    [Fact]
    public void AgreesWithTheReference()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("evaluation", "referring.json")));
        var cases = json.RootElement.GetProperty("cases");
        Assert.Equal(41, cases.GetArrayLength());
        foreach (var row in cases.EnumerateArray())
        {
            var thresholds = row.GetProperty("accuracy").EnumerateObject().Select(t => double.Parse(t.Name)).ToArray();
            var score = row.GetProperty("kind").GetString() == "masks" ? Masks(row, thresholds) : Boxes(row, thresholds);
            CocoEvaluatorTests.AssertClose([.. row.GetProperty("iou").EnumerateArray().Select(v => v.GetDouble())], [.. score.Ious], 1e-12);
            foreach (var accuracy in row.GetProperty("accuracy").EnumerateObject()) Assert.Equal(accuracy.Value.GetDouble(), score.AccuracyAt(double.Parse(accuracy.Name)), 1e-9);
            if (!row.TryGetProperty("accuracy_strict", out var strict)) continue;
            foreach (var accuracy in strict.EnumerateObject()) Assert.Equal(accuracy.Value.GetDouble(), score.StrictAccuracy[Array.IndexOf(thresholds, double.Parse(accuracy.Name))], 1e-9);
        }
    }

    private static ReferringScore Boxes(JsonElement row, double[] thresholds)
    {
        var frame = CoordinateFrame.Pixels(400, 300);
        Box? Read(JsonElement v) => v.ValueKind == JsonValueKind.Null ? null : new Box(v[0].GetDouble(), v[1].GetDouble(), v[2].GetDouble(), v[3].GetDouble(), frame);
        var predictions = row.GetProperty("predictions").EnumerateArray().Select(Read).ToArray();
        var truths = row.GetProperty("truths").EnumerateArray().Select(v => Read(v)!.Value).ToArray();
        var score = ReferringEvaluator.Boxes(predictions, truths, thresholds, new BootstrapOptions(200));
        Assert.Equal(row.GetProperty("mean_iou").GetDouble(), score.MeanIou, 1e-9);
        Assert.InRange(score.MeanIou, score.MeanIouInterval!.Value.Low, score.MeanIouInterval.Value.High);
        Assert.Null(score.CumulativeIou);
        return score;
    }

    private static ReferringScore Masks(JsonElement row, double[] thresholds)
    {
        var (h, w) = (row.GetProperty("size")[0].GetInt32(), row.GetProperty("size")[1].GetInt32());
        RunLengthMask[] Read(string name) => [.. row.GetProperty(name).EnumerateArray().Select(v => RunLengthMask.FromCompressed(h, w, v.GetString()!))];
        var (predictions, truths) = (Read("predictions"), Read("truths"));
        var score = ReferringEvaluator.Masks(predictions, truths, thresholds, new BootstrapOptions(200));
        Assert.Equal(row.GetProperty("giou").GetDouble(), score.MeanIou, 1e-9);
        Assert.Equal(row.GetProperty("ciou").GetDouble(), score.CumulativeIou!.Value, 1e-9);
        Assert.InRange(score.CumulativeIou.Value, score.CumulativeIouInterval!.Value.Low, score.CumulativeIouInterval.Value.High);
        for (var i = 0; i < truths.Length; i++)
        {
            var (intersection, union) = predictions[i].Overlap(truths[i]);
            Assert.Equal(row.GetProperty("intersections")[i].GetInt64(), intersection);
            Assert.Equal(row.GetProperty("unions")[i].GetInt64(), union);
        }

        return score;
    }

    [Fact]
    public void NoMaskGivenIsAnEmptyMask()
    {
        var (empty, full) = (RunLengthMask.FromMask(new byte[4], 2, 2), RunLengthMask.FromMask([1, 1, 1, 1], 2, 2));
        var score = ReferringEvaluator.Masks([null, null], [empty, full]);
        Assert.Equal([1, 0], score.Ious);
        Assert.Equal(0, score.CumulativeIou);
    }

    [Fact]
    public void MixedFramesAndLengthsThrow()
    {
        var box = new Box(0, 0, 1, 1, CoordinateFrame.Unit);
        Assert.Throws<FrameMismatchException>(() => ReferringEvaluator.Boxes([box with { Frame = CoordinateFrame.Thousandths }], [box]));
        Assert.Throws<ArgumentException>(() => ReferringEvaluator.Boxes([], [box]));
        Assert.Throws<FrameMismatchException>(() => PointingEvaluator.IsHit(new FramePoint(0, 0, CoordinateFrame.Thousandths), box));
        Assert.Equal(-1, ReferringEvaluator.Boxes([], []).MeanIou);
    }

    [Theory]
    [InlineData(0.2, 0.3, true)]
    [InlineData(0.1, 0.3, true)]
    [InlineData(0.4, 0.6, true)]
    [InlineData(0.09, 0.3, false)]
    [InlineData(0.2, 0.61, false)]
    [InlineData(double.NaN, 0.3, false)]
    public void PointingCountsEdges(double x, double y, bool hit)
    {
        var box = new Box(0.1, 0.2, 0.4, 0.6, CoordinateFrame.Unit);
        Assert.Equal(hit, PointingEvaluator.IsHit(new FramePoint(x, y, CoordinateFrame.Unit), box));
        Assert.Equal(hit ? 0.5 : 0, PointingEvaluator.Accuracy([new FramePoint(x, y, CoordinateFrame.Unit), null], [box, box]));
    }

    [Theory]
    [InlineData("1111", "1111", 0)] // one side all alike: undefined, 0
    [InlineData("1100", "1100", 1)]
    [InlineData("0011", "1100", -1)]
    [InlineData("1010", "1100", 0)]
    [InlineData("1110", "1100", 0.5773502691896258)] // (2*1 - 1*0) / sqrt(3*2*2*1)
    public void PresenceIsMatthewsCorrelation(string predicted, string present, double expected)
    {
        bool[] Bits(string text) => [.. text.Select(c => c == '1')];
        var score = PresenceScore.Of(Bits(predicted), Bits(present), new BootstrapOptions(100));
        Assert.Equal(expected, score.MatthewsCorrelation, 1e-12);
        Assert.InRange(expected, score.Interval!.Value.Low - 1e-12, score.Interval.Value.High + 1e-12);
        Assert.Equal(predicted.Zip(present).Count(p => p.First == p.Second) / 4.0, score.Accuracy);
    }
}
