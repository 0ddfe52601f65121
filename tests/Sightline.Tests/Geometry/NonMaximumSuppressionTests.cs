using System.Text.Json;
using Sightline.Geometry;
using Sightline.Testing;

namespace Sightline.Tests.Geometry;

public class NonMaximumSuppressionTests
{
    [Fact]
    public void AgreesWithTorchvision()
    {
        var tensors = new FixtureTensors("geometry", "nms.safetensors");
        using var index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("geometry", "nms.json")));
        var cases = index.RootElement.GetProperty("cases");
        Assert.Equal(60, cases.GetArrayLength());
        foreach (var row in cases.EnumerateArray())
        {
            var name = row.GetProperty("name").GetString();
            var threshold = row.GetProperty("threshold").GetDouble();
            var (boxes, scores) = (tensors.Doubles($"{name}/boxes"), tensors.Doubles($"{name}/scores"));
            var classes = Array.ConvertAll(tensors.Longs($"{name}/classes"), c => (int)c);
            var kept = new int[scores.Length];
            var count = NonMaximumSuppression.Keep<double>(boxes, scores, [], threshold, kept);
            Assert.Equal(tensors.Longs($"{name}/nms"), kept[..count].Select(k => (long)k));
            count = NonMaximumSuppression.Keep<float>(tensors.Floats($"{name}/boxes"), tensors.Floats($"{name}/scores"), classes, (float)threshold, kept);
            Assert.Equal(tensors.Longs($"{name}/batched_nms"), kept[..count].Select(k => (long)k));
            var list = boxes.Chunk(4).Select(b => new Box(b[0], b[1], b[2], b[3], CoordinateFrame.Unit)).ToArray();
            Assert.Equal(tensors.Longs($"{name}/batched_nms"), NonMaximumSuppression.Keep(list, scores, threshold, classes).Select(k => (long)k));
        }
    }

    [Fact]
    public void EqualScoresKeepTheirOrderAndNothingIsFine()
    {
        var box = new Box(0, 0, 1, 1, CoordinateFrame.Unit);
        Assert.Equal([0], NonMaximumSuppression.Keep([box, box, box], [0.5, 0.5, 0.5], 0.5));
        Assert.Equal([0, 1, 2], NonMaximumSuppression.Keep([box, box, box], [0.5, 0.5, 0.5], 1));
        Assert.Empty(NonMaximumSuppression.Keep([], [], 0.5));
        Assert.Throws<ArgumentException>(() => NonMaximumSuppression.Keep([box], [], 0.5));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(5000)]
    public void ScoreOrderIsAStableSort(int n)
    {
        var random = new Sightline.Tensors.RandomStream((ulong)n);
        var scores = new double[n];
        for (var i = 0; i < n; i++) scores[i] = random.NextInt(4) == 0 ? random.NextInt(-2, 3) / 2.0 : random.NextDouble(-1, 1);
        scores[0] = -0.0;
        scores[n / 2] = double.NegativeInfinity;
        scores[n - 1] = double.PositiveInfinity;
        var order = new int[n];
        ScoreOrder.Descending(scores, order);
        Assert.Equal(Enumerable.Range(0, n).OrderByDescending(i => scores[i]), order);
    }
}
