using System.Text.Json;
using Sightline.Testing;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Tests.Evaluation;

/// <summary>Against pycocotools: figures 1e-9, matches exact, float32 arrays 1e-6 (the fixture README derives them).</summary>
public class CocoEvaluatorTests
{
    private static readonly JsonElement _index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("evaluation", "coco.json"))).RootElement;
    private static readonly Lazy<FixtureTensors> _arrays = new(() => new FixtureTensors("evaluation", "coco_arrays.safetensors"));

    public static TheoryData<string, RegionKind> Sets
    {
        get
        {
            var data = new TheoryData<string, RegionKind>();
            foreach (var set in _index.GetProperty("sets").EnumerateArray())
            {
                foreach (var result in set.GetProperty("results").EnumerateObject()) data.Add(set.GetProperty("name").GetString()!, result.Name == "bbox" ? RegionKind.Box : RegionKind.Mask);
            }

            return data;
        }
    }

    [Fact]
    public void AllSetsAreHere() => Assert.Equal(27, Sets.Count);

    [Theory]
    [MemberData(nameof(Sets))]
    public void FiguresAreEqual(string set, RegionKind region)
    {
        var (truth, detections) = Load(set, region);
        var expected = Expected(set, region);
        var score = CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Region = region, Threads = 2 });
        Assert.Equal(12, score.Stats.Count);
        var stats = expected.GetProperty("stats");
        for (var i = 0; i < 12; i++) Assert.True(Math.Abs(stats[i].GetDouble() - score.Stats[i]) <= 1e-9, $"{score.Names[i]}: {score.Stats[i]} is not {stats[i]}");
        foreach (var own in score.PerClass)
        {
            var row = expected.GetProperty("per_class").GetProperty($"{own.Id}");
            Assert.Equal(row.GetProperty("ap").GetDouble(), own.Ap, 1e-9);
            Assert.Equal(row.GetProperty("ap50").GetDouble(), own.Ap50, 1e-9);
        }

        var agnostic = CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Region = region, ClassAgnostic = true });
        Assert.Equal(expected.GetProperty("class_agnostic_ap").GetDouble(), agnostic["AP"], 1e-9);

        var custom = CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Region = region, MaxDetections = [1, 5, 300] });
        var more = expected.GetProperty("max_dets_1_5_300");
        Assert.Equal(more.GetProperty("ap").GetDouble(), custom["AP"], 1e-9);
        string[] names = ["AR1", "AR5", "AR300"];
        for (var m = 0; m < 3; m++) Assert.Equal(more.GetProperty("ar")[m].GetDouble(), custom[names[m]], 1e-9);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void ArraysAreEqual(string set, RegionKind region)
    {
        var (truth, detections) = Load(set, region);
        var curves = CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Region = region }).Curves;
        var key = $"{set}/{(region == RegionKind.Box ? "bbox" : "segm")}";
        AssertClose(_arrays.Value.Doubles($"{key}/ap"), curves.AveragePrecision, 1e-9);
        AssertClose(_arrays.Value.Doubles($"{key}/recall"), curves.Recall, 1e-9);
        Assert.Equal([curves.T, curves.K, curves.A, curves.M], _arrays.Value.Shape($"{key}/recall"));
        if (!_arrays.Value.Contains($"{key}/precision"))
        {
            Assert.True(curves.K > 3);
            return;
        }

        AssertClose(_arrays.Value.Doubles($"{key}/precision"), AtLastMaxDetections(curves, curves.Precision), 1e-6);
        AssertClose(_arrays.Value.Doubles($"{key}/scores"), AtLastMaxDetections(curves, curves.Scores), 1e-6);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void MatchesAreEqual(string set, RegionKind region)
    {
        if (!Expected(set, region).TryGetProperty("matches_at_0.5_area_all", out var expected)) return; // only small sets store them
        var (truth, detections) = Load(set, region);
        var matches = CocoEvaluator.Match(truth, detections, 0.5, new CocoEvaluationOptions { Region = region });
        Assert.Equal(expected.GetArrayLength(), matches.Count);
        foreach (var (row, own) in expected.EnumerateArray().Zip(matches))
        {
            Assert.Equal(row.GetProperty("image_id").GetInt64(), own.ImageId);
            Assert.Equal(row.GetProperty("category_id").GetInt32(), own.CategoryId);
            Assert.Equal(Longs(row, "dt_ids"), own.Detections.Select(d => d.Index + 1L));
            Assert.Equal(Longs(row, "dt_matches"), own.Detections.Select(d => d.TruthId ?? 0));
            Assert.Equal(row.GetProperty("dt_ignore").EnumerateArray().Select(v => v.GetBoolean()), own.Detections.Select(d => d.IsIgnored));
            Assert.Equal(Longs(row, "gt_ids"), own.Truths.Select(g => g.Id));
            Assert.Equal(Longs(row, "gt_ignore"), own.Truths.Select(g => g.IsIgnored ? 1L : 0));
            Assert.All(own.Truths, g => Assert.Equal(own.Detections.Any(d => d.TruthId == g.Id), g.IsFound));
        }
    }

    [Fact]
    public void ThreadsDoNotChangeABit()
    {
        var (truth, detections) = Load("many_categories_ties", RegionKind.Box);
        var bootstrap = new BootstrapOptions(50, Seed: 3);
        var one = CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Threads = 1, Bootstrap = bootstrap });
        var four = CocoEvaluator.Evaluate(truth, detections, new CocoEvaluationOptions { Threads = 4, Bootstrap = bootstrap });
        Assert.Equal(one.Stats, four.Stats);
        Assert.Equal(one.Intervals, four.Intervals);
        Assert.Equal(one.Curves.Precision, four.Curves.Precision);
    }

    [Fact]
    public void AMatchWithTruthZeroLeavesNoMarkAsInTheOfficialCode()
    {
        CocoAnnotation[] annotations = [new(0, 1, 1, 0, 0, 50, 50)];
        var truth = new CocoGroundTruth([new CocoImage(1, 100, 100)], [new CocoCategory(1, "a")], annotations);
        CocoDetection[] detections = [new(1, 1, 0, 0, 50, 50, 0.9)];
        var score = CocoEvaluator.Evaluate(truth, detections);
        Assert.Equal(0, score["AP"]);
        Assert.Contains(score.Notes, n => n.Contains("id 0"));
        truth = new CocoGroundTruth(truth.Images, truth.Categories, [annotations[0] with { Id = 1 }]);
        score = CocoEvaluator.Evaluate(truth, detections);
        Assert.Equal(1, score["AP"], 1e-12);
        Assert.Empty(score.Notes);
    }

    [Fact]
    public void WrongInputIsNamed()
    {
        var truth = new CocoGroundTruth([new CocoImage(1, 100, 100)], [new CocoCategory(1, "a")], [new CocoAnnotation(1, 1, 1, 0, 0, 50, 50)]);
        var error = Assert.Throws<SightlineException>(() => CocoEvaluator.Evaluate(truth, [new(1, 1, 0, 0, 5, 5, 1), new(7, 1, 0, 0, 5, 5, 1)]));
        Assert.Contains("detections[1]", error.Message);
        Assert.Contains("image 7", error.Message);
        error = Assert.Throws<SightlineException>(() => CocoEvaluator.Evaluate(truth, [new(1, 1, 0, 0, 5, 5, double.NaN)]));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        error = Assert.Throws<SightlineException>(() => CocoEvaluator.Evaluate(truth, [], new CocoEvaluationOptions { Region = RegionKind.Mask }));
        Assert.Contains("annotations[0] has no segmentation", error.Message);
        error = Assert.Throws<SightlineException>(() => CocoEvaluator.Evaluate(truth, [], new CocoEvaluationOptions { MaxDetections = [10, 1] }));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains("1 detections are of classes", Assert.Single(CocoEvaluator.Evaluate(truth, [new(1, 5, 0, 0, 5, 5, 1)]).Notes));
        Assert.Equal(-1, CocoEvaluator.Evaluate(truth, [])["APlarge"]);
        Assert.Equal(0, CocoEvaluator.Evaluate(truth, [])["AP"]);
    }

    private static double[] AtLastMaxDetections(DetectionCurves curves, double[] values) => [.. values.Where((_, i) => i % curves.M == curves.M - 1)];

    private static JsonElement Expected(string set, RegionKind region) =>
        _index.GetProperty("sets").EnumerateArray().Single(s => s.GetProperty("name").GetString() == set).GetProperty("results").GetProperty(region == RegionKind.Box ? "bbox" : "segm");

    internal static (CocoGroundTruth Truth, IReadOnlyList<CocoDetection> Detections) Load(string set, RegionKind region) => (
        CocoGroundTruth.Load(Fixtures.Path("evaluation", "coco", set + ".gt.json"), region == RegionKind.Mask),
        CocoDetections.Load(Fixtures.Path("evaluation", "coco", set + ".dt.json"), region == RegionKind.Mask));

    private static IEnumerable<long> Longs(JsonElement row, string name) => row.GetProperty(name).EnumerateArray().Select(v => v.GetInt64());

    internal static void AssertClose(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance)) Assert.Fail($"[{i}]: {actual[i]} is not {expected[i]}");
        }
    }
}
