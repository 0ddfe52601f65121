using System.Text.Json;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Imaging.Resampling;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Tests.Imaging;

public class ResizeTests
{
    private static readonly GoldenTensors Goldens = new(Fixtures.Path("images", "reference", "resize.safetensors"));

    public static TheoryData<string> Cases => [.. Enumerable.Range(0, 11).Select(i => i.ToString("00", null))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void EveryFilterEqualsPillowToTheLastLevel(string name)
    {
        var source = Source($"{name}/in.uint8_hwc");
        var compared = 0;
        foreach (var filter in Enum.GetValues<ResizeFilter>())
        {
            var key = $"{name}/pil.{filter.ToString().ToLowerInvariant()}";
            if (!Goldens.Has(key)) continue;
            var shape = Goldens.Shape(key);
            AssertSame(Goldens.Bytes(key), source.ResizeTo(shape[1], shape[0], filter), key);
            compared++;
        }

        Assert.Equal(6, compared);
    }

    [Theory]
    [InlineData("00", 1.25, 2.5, 60.25, 46.5)]
    [InlineData("04", 1.25, 2.5, 46.25, 78.5)]
    [InlineData("08", 1.25, 2.5, 116.25, 88.5)]
    public void FractionalBoxAndReducingGapEqualPillow(string name, double x1, double y1, double x2, double y2)
    {
        var source = Source($"{name}/in.uint8_hwc");
        var key = $"{name}/pil.bilinear_box";
        var shape = Goldens.Shape(key);
        AssertSame(Goldens.Bytes(key), source.ResizeTo(shape[1], shape[0], ResizeFilter.Bilinear, new Box(x1, y1, x2, y2, source.Frame)), key);
        key = $"{name}/pil.bicubic_reducing_gap2";
        AssertSame(Goldens.Bytes(key), source.ResizeTo(shape[1], shape[0], ResizeFilter.Bicubic, reducingGap: 2), key);
    }

    [Fact]
    public void AllStoredReducingGapAndBoxCasesAreCovered() => Assert.Equal(
        ["00", "04", "08"],
        Goldens.Names.Where(n => n.EndsWith("bilinear_box", StringComparison.Ordinal) || n.EndsWith("gap2", StringComparison.Ordinal)).Select(n => n[..2]).Distinct().Order());

    [Fact]
    public void QwenResizesEqualPillow()
    {
        var goldens = new GoldenTensors(Fixtures.Path("images", "qwen", "tensors", "pil_resize.safetensors"));
        var shape = goldens.Shape("source");
        var source = Picture.FromPixels(goldens.Bytes("source"), shape[1], shape[0]);
        foreach (var key in goldens.Names.Where(n => n != "source"))
        {
            var filter = Enum.Parse<ResizeFilter>(key[..key.IndexOf('.')], ignoreCase: true);
            AssertSame(goldens.Bytes(key), source.ResizeTo(goldens.Shape(key)[1], goldens.Shape(key)[0], filter), key);
        }
    }

    [Fact]
    public void RandomBoxesAndGapsEqualPillow()
    {
        var pixels = File.ReadAllBytes(Fixtures.Path("images", "boxes", "pixels.bin"));
        using var rows = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("images", "boxes", "rows.json")));
        foreach (var row in rows.RootElement.EnumerateArray())
        {
            var size = row.EnumerateArray().Take(4).Select(v => v.GetInt32()).ToArray();
            var offset = row[10].GetInt32();
            var source = Picture.FromPixels(pixels.AsSpan(offset), size[1], size[0]);
            var box = new Box(row[4].GetDouble(), row[5].GetDouble(), row[6].GetDouble(), row[7].GetDouble(), source.Frame);
            double? gap = row[9].ValueKind == JsonValueKind.Null ? null : row[9].GetDouble();
            var resized = source.ResizeTo(size[3], size[2], Enum.Parse<ResizeFilter>(row[8].GetString()!), box, gap);
            AssertSame(pixels.AsSpan(offset + source.Pixels.Length, size[2] * size[3] * 3), resized, row.GetRawText());
        }

        Assert.Equal(72, rows.RootElement.GetArrayLength());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 3)]
    [InlineData(31, 64)]
    [InlineData(100, 37)]
    [InlineData(257, 19)]
    public void VectorPassesEqualTheScalarOnes(int from, int to)
    {
        var random = new RandomStream(7);
        var row = new byte[from * 3];
        foreach (ref var value in row.AsSpan()) value = (byte)random.NextInt(256);
        foreach (var filter in new[] { ResizeFilter.Box, ResizeFilter.Bilinear, ResizeFilter.Hamming, ResizeFilter.Bicubic, ResizeFilter.Lanczos })
        {
            var weights = ResampleWeights.Create(from, 0, from, to, filter);
            var (scalar, vector) = (new byte[to * 3], new byte[to * 3]);
            ResampleKernels.HorizontalScalar(row, scalar, weights);
            ResampleKernels.Horizontal(row, vector, weights, ResampleKernels.SpreadWeights(weights));
            Assert.Equal(scalar, vector);
        }

        foreach (var width in new[] { 1, 31, 32, 33, 100 })
        {
            var rows = new byte[from * width];
            foreach (ref var value in rows.AsSpan()) value = (byte)random.NextInt(256);
            var weights = ResampleWeights.Create(from, 0, from, 1, ResizeFilter.Lanczos);
            var (scalar, vector) = (new byte[width], new byte[width]);
            ResampleKernels.VerticalScalar(rows.AsSpan(weights.First[0] * width), width, weights.Weights.AsSpan(0, weights.Count[0]), scalar);
            ResampleKernels.Vertical(rows.AsSpan(weights.First[0] * width), width, weights.Weights.AsSpan(0, weights.Count[0]), vector);
            Assert.Equal(scalar, vector);
        }
    }

    [Fact]
    public void CropRoundsOutwardsAndStaysInside()
    {
        var source = Source("00/in.uint8_hwc");
        var crop = source.Crop(new Box(10.2, 5.9, 12.1, 7, source.Frame));
        Assert.Equal((3, 2), (crop.Width, crop.Height));
        Assert.Equal(source.Pixels.Slice(((5 * source.Width) + 10) * 3, 9), crop.Pixels[..9]);
        Assert.Equal((1, 1), (source.Crop(new Box(500, 500, 600, 600, source.Frame)).Width, source.Crop(new Box(-9, -9, -5, -5, source.Frame)).Height));
    }

    private static Picture Source(string key) => Picture.FromPixels(Goldens.Bytes(key), Goldens.Shape(key)[1], Goldens.Shape(key)[0]);

    private static void AssertSame(ReadOnlySpan<byte> expected, Picture actual, string what)
    {
        Assert.True(expected.Length == actual.Pixels.Length, $"{what}: {actual.Width} x {actual.Height}");
        var at = expected.CommonPrefixLength(actual.Pixels);
        Assert.True(at == expected.Length, at < expected.Length ? $"{what}: byte {at}: {actual.Pixels[at]} in place of {expected[at]}" : what);
    }
}
