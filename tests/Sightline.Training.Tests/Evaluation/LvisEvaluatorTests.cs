using System.Text.Json;
using Sightline.Testing;
using Sightline.Training.Evaluation;

namespace Sightline.Training.Tests.Evaluation;

/// <summary>Against lvis-api 0.5.3: figures 1e-9, float32 arrays 1e-6.</summary>
public class LvisEvaluatorTests
{
    [Fact]
    public void FiguresAndArraysAreEqual()
    {
        using var index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("evaluation", "lvis.json")));
        var arrays = new FixtureTensors("evaluation", "lvis_arrays.safetensors");
        var sets = index.RootElement.GetProperty("sets");
        Assert.Equal(8, sets.GetArrayLength());
        foreach (var set in sets.EnumerateArray())
        {
            var name = set.GetProperty("name").GetString();
            var truth = CocoGroundTruth.Load(Fixtures.Path("evaluation", "lvis", name + ".gt.json"));
            var detections = CocoDetections.Load(Fixtures.Path("evaluation", "lvis", name + ".dt.json"));
            var score = LvisEvaluator.Evaluate(truth, detections);
            var expected = set.GetProperty("results").EnumerateObject().ToArray();
            Assert.Equal(13, expected.Length);
            Assert.Equal(expected.Select(e => e.Name), score.Names);
            foreach (var figure in expected) Assert.True(Math.Abs(figure.Value.GetDouble() - score[figure.Name]) <= 1e-9, $"{name} {figure.Name}: {score[figure.Name]} is not {figure.Value}");
            CocoEvaluatorTests.AssertClose(arrays.Doubles($"{name}/recall"), score.Curves.Recall, 1e-9);
            var curves = score.Curves;
            CocoEvaluatorTests.AssertClose(arrays.Doubles($"{name}/precision_area_all"), [.. curves.Precision.Where((_, i) => i % curves.A == 0)], 1e-6);
        }
    }

    [Fact]
    public void MasksFromPolygonsCanBeScored()
    {
        var truth = CocoGroundTruth.Load(Fixtures.Path("evaluation", "lvis", "0.gt.json"), masks: true);
        var detections = CocoDetections.Load(Fixtures.Path("evaluation", "lvis", "0.dt.json"), masks: true);
        var score = LvisEvaluator.Evaluate(truth, detections, RegionKind.Mask);
        // truths are rectangles and detections fall back to their boxes, so the mask figure is near the box figure
        Assert.Equal(LvisEvaluator.Evaluate(truth, detections)["AP"], score["AP"], 0.03);
        Assert.Equal("lvis/segm", score.Metric);
    }

    [Fact]
    public void RunsAreComparedWithTheSameFigures()
    {
        var truth = CocoGroundTruth.Load(Fixtures.Path("evaluation", "lvis", "2.gt.json"));
        var detections = CocoDetections.Load(Fixtures.Path("evaluation", "lvis", "2.dt.json"));
        var score = LvisEvaluator.Evaluate(truth, detections, bootstrap: new BootstrapOptions(40));
        var comparison = LvisEvaluator.Compare(truth, detections, [.. detections.Skip(10)], bootstrap: new BootstrapOptions(40));
        Assert.Equal(score.Names, comparison.Select(c => c.Name));
        for (var f = 0; f < score.Stats.Count; f++)
        {
            Assert.Equal(score.Stats[f], comparison[f].A, 1e-12);
            Assert.InRange(score.Stats[f], score.Intervals[f].Low, score.Intervals[f].High);
        }
    }
}
