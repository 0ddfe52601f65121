using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Geometry;
using Sightline.Testing;

namespace Sightline.Tests.Geometry;

public class RunLengthMaskTests
{
    // strings, areas and boxes exact; IoU 1e-12 (fixture README)
    [Theory]
    [InlineData("mask", 80)]
    [InlineData("polygon", 60)]
    [InlineData("boxes_xywh", 20)]
    [InlineData("mask_iou", 25)]
    [InlineData("box_iou_xywh", 25)]
    public void AgreesWithPycocotools(string kind, int expectedCases)
    {
        var count = 0;
        foreach (var line in File.ReadLines(Fixtures.Path("evaluation", "rle.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var row = json.RootElement;
            if (row.GetProperty("kind").GetString() != kind) continue;
            count++;
            switch (kind)
            {
                case "mask": CheckMask(row); break;
                case "polygon": CheckPolygon(row); break;
                case "boxes_xywh": CheckBoxes(row); break;
                case "mask_iou": CheckMaskIou(row); break;
                default: CheckBoxIou(row); break;
            }
        }

        Assert.Equal(expectedCases, count);
    }

    private static void CheckMask(JsonElement row)
    {
        var (h, w) = Size(row);
        var counts = row.GetProperty("uncompressed_counts").EnumerateArray().Select(v => v.GetUInt32()).ToArray();
        var compressed = row.GetProperty("counts").GetString()!;
        var mask = RunLengthMask.FromCompressed(h, w, compressed);
        Assert.Equal(counts, mask.Counts.ToArray());
        Assert.Equal(compressed, mask.ToCompressed());
        Assert.Equal(compressed, RunLengthMask.FromCounts(h, w, counts).ToCompressed());
        Assert.Equal(row.GetProperty("area").GetInt64(), mask.Area);
        Assert.Equal(Numbers(row.GetProperty("bbox")), Xywh(mask));
        var pixels = mask.ToMask();
        Assert.Equal(compressed, RunLengthMask.FromMask(pixels, h, w).ToCompressed());
        if (row.GetProperty("ones_row_major").GetString() is { } ones) Assert.Equal(ones, string.Concat(pixels));
    }

    private static void CheckPolygon(JsonElement row)
    {
        var (h, w) = Size(row);
        var polygons = row.GetProperty("polygons").EnumerateArray().Select(Numbers).ToArray();
        var each = polygons.Select(p => RunLengthMask.FromPolygon(p, h, w)).ToArray();
        Assert.Equal(Strings(row.GetProperty("each")), each.Select(m => m.ToCompressed()));
        var merged = RunLengthMask.FromPolygons(polygons, h, w);
        Assert.Equal(row.GetProperty("counts").GetString(), merged.ToCompressed());
        Assert.Equal(row.GetProperty("area").GetInt64(), merged.Area);
        Assert.Equal(Numbers(row.GetProperty("bbox")), Xywh(merged));
        Assert.Equal(row.GetProperty("intersection_counts").GetString(), RunLengthMask.Merge(each, intersect: true).ToCompressed());
    }

    private static void CheckBoxes(JsonElement row)
    {
        var (h, w) = Size(row);
        var masks = row.GetProperty("boxes").EnumerateArray().Select(Numbers).Select(b => RunLengthMask.FromXywh(b[0], b[1], b[2], b[3], h, w)).ToArray();
        Assert.Equal(Strings(row.GetProperty("counts")), masks.Select(m => m.ToCompressed()));
        Assert.Equal(row.GetProperty("area").EnumerateArray().Select(v => v.GetInt64()), masks.Select(m => m.Area));
    }

    private static void CheckMaskIou(JsonElement row)
    {
        var (h, w) = Size(row);
        var detections = Strings(row.GetProperty("detections")).Select(s => RunLengthMask.FromCompressed(h, w, s)).ToArray();
        var truths = Strings(row.GetProperty("truths")).Select(s => RunLengthMask.FromCompressed(h, w, s)).ToArray();
        var crowd = row.GetProperty("iscrowd").EnumerateArray().Select(v => v.GetInt32() != 0).ToArray();
        var expected = row.GetProperty("iou").EnumerateArray().Select(Numbers).ToArray();
        for (var d = 0; d < detections.Length; d++)
        {
            for (var g = 0; g < truths.Length; g++)
            {
                Assert.Equal(expected[d][g], detections[d].IouWith(truths[g], crowd[g]), 1e-12);
                var (intersection, union) = detections[d].Overlap(truths[g]);
                Assert.Equal(detections[d].Intersect(truths[g]).Area, intersection);
                Assert.Equal(detections[d].Union(truths[g]).Area, union);
            }
        }
    }

    private static void CheckBoxIou(JsonElement row)
    {
        var detections = row.GetProperty("detections").EnumerateArray().Select(Numbers).ToArray();
        var truths = row.GetProperty("truths").EnumerateArray().Select(Numbers).ToArray();
        var crowd = row.GetProperty("iscrowd").EnumerateArray().Select(v => v.GetInt32() != 0).ToArray();
        var expected = row.GetProperty("iou").EnumerateArray().Select(Numbers).ToArray();
        for (var d = 0; d < detections.Length; d++)
        {
            for (var g = 0; g < truths.Length; g++) Assert.Equal(expected[d][g], Iou.OfXywh(detections[d], truths[g], crowd[g]), 1e-12);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("P")]
    [InlineData("PPPPPPPPPPPP0")]
    [InlineData("5\u007f")]
    [InlineData("5 ")]
    [InlineData("@1")]
    [InlineData("99")]
    public void DamagedStringsAreNamed(string counts)
    {
        var error = Assert.Throws<SightlineException>(() => RunLengthMask.FromCompressed(4, 5, counts));
        Assert.Equal(ErrorKind.BadData, error.Kind);
    }

    [Fact]
    public void AnyMaskSurvivesEveryForm()
    {
        var masks = from h in Gen.Choose(1, 12)
                    from w in Gen.Choose(1, 12)
                    from pixels in Gen.Elements<byte>(0, 1).ArrayOf(h * w)
                    select (h, w, pixels);
        Prop.ForAll(Arb.From(masks), m =>
        {
            var mask = RunLengthMask.FromMask(m.pixels, m.h, m.w);
            var again = RunLengthMask.FromCompressed(m.h, m.w, mask.ToCompressed());
            return again.ToMask().SequenceEqual(m.pixels) && again.Area == m.pixels.Count(p => p == 1);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void AnyBytesGiveAMaskOrAClearError()
    {
        Prop.ForAll(Arb.From(Gen.Choose(40, 120).Select(v => (byte)v).ArrayOf()), bytes =>
        {
            try
            {
                RunLengthMask.FromCompressed(6, 7, bytes);
                return true;
            }
            catch (SightlineException error)
            {
                return error.Kind == ErrorKind.BadData;
            }
        }).QuickCheckThrowOnFailure();
    }

    private static (int Height, int Width) Size(JsonElement row) => (row.GetProperty("size")[0].GetInt32(), row.GetProperty("size")[1].GetInt32());

    private static double[] Numbers(JsonElement values) => [.. values.EnumerateArray().Select(v => v.GetDouble())];

    private static IEnumerable<string> Strings(JsonElement values) => values.EnumerateArray().Select(v => v.GetString()!);

    private static double[] Xywh(RunLengthMask mask)
    {
        var (x, y, width, height) = mask.BoundsXywh();
        return [x, y, width, height];
    }
}
