using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Geometry;
using Sightline.Testing;

namespace Sightline.Tests.Geometry;

public class IouTests
{
    public static TheoryData<string, IouKind> Files => new()
    {
        { "box_iou", IouKind.Plain },
        { "generalized_box_iou", IouKind.Generalized },
        { "distance_box_iou", IouKind.Distance },
        { "complete_box_iou", IouKind.Complete },
    };

    // tolerance of the fixture README: max(2e-6, 10 x the reference's own float32 error) + 1e-5 relative
    [Theory]
    [MemberData(nameof(Files))]
    public void AgreesWithTorchvision(string file, IouKind kind)
    {
        var tensors = new FixtureTensors("geometry", file + ".safetensors");
        using var index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("geometry", file + ".json")));
        var cases = index.RootElement.GetProperty("cases");
        Assert.Equal(62, cases.GetArrayLength());
        foreach (var row in cases.EnumerateArray())
        {
            var name = row.GetProperty("name").GetString();
            var rounding = row.GetProperty("outputs").GetProperty("out").GetProperty("fp64_max_abs_diff").GetDouble();
            var (a, b, expected) = (tensors.Doubles($"{name}/in.boxes1"), tensors.Doubles($"{name}/in.boxes2"), tensors.Doubles($"{name}/out.out"));
            var actual = new double[expected.Length];
            Iou.Pairwise<double>(a, b, actual, kind);
            var single = new float[expected.Length];
            Iou.Pairwise<float>(tensors.Floats($"{name}/in.boxes1"), tensors.Floats($"{name}/in.boxes2"), single, kind);
            for (var i = 0; i < expected.Length; i++)
            {
                var tolerance = Math.Max(2e-6, 10 * rounding) + (1e-5 * Math.Abs(expected[i]));
                Assert.InRange(actual[i], expected[i] - tolerance, expected[i] + tolerance);
                Assert.InRange(single[i], expected[i] - tolerance, expected[i] + tolerance);
            }
        }
    }

    [Fact]
    public void BoxFormsAndSpanFormsAreOneFunction()
    {
        var tensors = new FixtureTensors("geometry", "box_iou.safetensors");
        var (a, b) = (tensors.Doubles("001/in.boxes1"), tensors.Doubles("001/in.boxes2"));
        var (boxesA, boxesB) = (ToBoxes(a), ToBoxes(b));
        foreach (var kind in Enum.GetValues<IouKind>())
        {
            var flat = new double[boxesA.Length * boxesB.Length];
            Iou.Pairwise<double>(a, b, flat, kind);
            Assert.Equal(flat, Iou.Pairwise(boxesA, boxesB, kind).Cast<double>());
            var elementwise = new double[boxesA.Length];
            Iou.Elementwise<double>(a, a, elementwise, kind);
            Assert.Equal(elementwise, Iou.Elementwise(boxesA, boxesA, kind));
        }
    }

    [Fact]
    public void ConversionsAgreeWithTorchvision()
    {
        var tensors = new FixtureTensors("geometry", "l1_boxes.safetensors");
        var cases = tensors.Names.Where(n => n.EndsWith("/in.pred", StringComparison.Ordinal)).Select(n => n[..^8]).ToArray();
        Assert.Equal(60, cases.Length);
        foreach (var name in cases)
        {
            var (centres, corners) = (tensors.Doubles($"{name}/in.pred"), tensors.Doubles($"{name}/out.pred_xyxy"));
            for (var i = 0; i < centres.Length; i += 4)
            {
                var box = Box.FromCenter(centres[i], centres[i + 1], centres[i + 2], centres[i + 3], CoordinateFrame.Unit);
                double[] actual = [box.X1, box.Y1, box.X2, box.Y2];
                for (var k = 0; k < 4; k++) Assert.Equal(corners[i + k], actual[k], 2e-6 + (1e-5 * Math.Abs(corners[i + k])));
            }
        }
    }

    [Fact]
    public void MixedFramesThrowAndShowTheNumbers()
    {
        var a = new Box(1, 2, 30, 40, CoordinateFrame.Pixels(100, 100));
        var b = new Box(1, 2, 30, 40, CoordinateFrame.Thousandths);
        var error = Assert.Throws<FrameMismatchException>(() => Iou.Of(a, b));
        Assert.Contains("0..1000", error.Message);
        Assert.Throws<FrameMismatchException>(() => Iou.Pairwise([a, a], [a, b]));
        Assert.Throws<FrameMismatchException>(() => Iou.Elementwise([a, a], [a, b]));
    }

    [Fact]
    public void BoxesWithoutAreaAreFiniteAndNaNStaysNaN()
    {
        var point = new Box(5, 5, 5, 5, CoordinateFrame.Unit);
        var swapped = new Box(9, 9, 3, 3, CoordinateFrame.Unit);
        var nan = new Box(double.NaN, 0, 1, 1, CoordinateFrame.Unit);
        foreach (var kind in Enum.GetValues<IouKind>())
        {
            Assert.True(double.IsFinite(Iou.Of(point, point, kind)), $"{kind}");
            Assert.True(double.IsFinite(Iou.Of(point, swapped, kind)), $"{kind}");
            Assert.True(double.IsNaN(Iou.Of(nan, new Box(0, 0, 1, 1, CoordinateFrame.Unit), kind)), $"{kind}");
        }

        Assert.Equal(0, Iou.Of(swapped, swapped));
    }

    [Fact]
    public void WrongLengthsThrow()
    {
        Assert.Throws<ArgumentException>(() => Iou.Pairwise<double>(new double[7], new double[4], new double[1]));
        Assert.Throws<ArgumentException>(() => Iou.Pairwise<double>(new double[8], new double[4], new double[1]));
        Assert.Throws<ArgumentException>(() => Iou.Elementwise<double>(new double[8], new double[4], new double[2]));
    }

    [Fact]
    public void FamilyIsSymmetricOrderedAndBounded()
    {
        var boxes = from x in Gen.Choose(-50, 50)
                    from y in Gen.Choose(-50, 50)
                    from w in Gen.Choose(1, 60)
                    from h in Gen.Choose(1, 60)
                    select Box.FromXywh(x, y, w, h, CoordinateFrame.Unit);
        Prop.ForAll(Arb.From(boxes), Arb.From(boxes), (a, b) =>
        {
            var (iou, generalized, distance, complete) = (Iou.Of(a, b), Iou.Generalized(a, b), Iou.Distance(a, b), Iou.Complete(a, b));
            return iou is >= 0 and <= 1
                && generalized >= -1 && generalized <= iou + 1e-12
                && distance >= -1 && distance <= iou + 1e-12 && complete <= distance + 1e-12
                && Math.Abs(generalized - Iou.Generalized(b, a)) < 1e-12
                && Math.Abs(complete - Iou.Complete(b, a)) < 1e-12
                && Math.Abs(Iou.Of(a, a) - 1) < 1e-12;
        }).QuickCheckThrowOnFailure();
    }

    private static Box[] ToBoxes(double[] rows) =>
        [.. rows.Chunk(4).Select(r => new Box(r[0], r[1], r[2], r[3], CoordinateFrame.Unit))];
}
