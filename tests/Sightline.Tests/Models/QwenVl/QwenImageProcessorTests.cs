using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Sightline.Generation;
using Sightline.Imaging;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Tests.Models.QwenVl;

[Collection(Alone.Name)]
public sealed class QwenImageProcessorTests : TensorTest
{
    private static readonly string Folder = Fixtures.Path("images", "qwen");
    private static readonly QwenImageProcessor Qwen2 = QwenImageProcessor.Load(Fixtures.Path("models", "tiny-qwen2-vl"));

    [Fact]
    public void SmartResizeEqualsTheReferenceInAllCases()
    {
        var (sizes, errors) = (0, 0);
        foreach (var row in Rows("smart_resize.jsonl"))
        {
            int Get(string name) => row.GetProperty(name).GetInt32();
            (int Height, int Width) Resize() => QwenImageProcessor.SmartResize(Get("height"), Get("width"), Get("factor"), Get("min_pixels"), Get("max_pixels"));
            if (row.TryGetProperty("out", out var expected))
            {
                Assert.Equal((expected[0].GetInt32(), expected[1].GetInt32()), Resize());
                sizes++;
            }
            else
            {
                Assert.Equal(ErrorKind.BadPicture, Assert.Throws<SightlineException>(() => Resize()).Kind);
                errors++;
            }
        }

        Assert.Equal((340, 58), (sizes, errors));
    }

    [Fact]
    public void PixelValuesEqualTheReferenceToTheLastBit()
    {
        var count = 0;
        foreach (var row in Rows("cases.jsonl"))
        {
            var variant = row.GetProperty("variant").GetString();
            var options = new PictureReadOptions
            {
                ApplyOrientation = variant == "exif_transposed",
                Alpha = variant == "on_white" ? AlphaHandling.OnWhite : AlphaHandling.Drop,
                ClipDeepGrey = true,
            };
            var processor = Qwen2.WithPixels(row.GetProperty("min_pixels").GetInt64(), row.GetProperty("max_pixels").GetInt64());
            AssertSame(row, row.GetProperty("pil").GetProperty("sha256").GetString()!, processor, Picture.Load(Path.Combine(Folder, row.GetProperty("image").GetString()!), options));
            count++;
        }

        Assert.Equal(80, count);
    }

    [Fact]
    public void Qwen3PixelValuesEqualTheReferenceToTheLastBit()
    {
        using var published = JsonDocument.Parse("""
            {"size": {"longest_edge": 16777216, "shortest_edge": 65536}, "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2,
             "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "processor_class": "Qwen3VLProcessor", "image_processor_type": "Qwen2VLImageProcessorFast"}
            """);
        var qwen3 = QwenImageProcessor.Read(published.RootElement, "the test");
        Assert.Equal((65536, 16777216, 1536), (qwen3.MinPixels, qwen3.MaxPixels, qwen3.PatchLength));
        var count = 0;
        foreach (var row in Rows("qwen3_cases.jsonl"))
        {
            var processor = qwen3.WithPixels(row.GetProperty("min_pixels").GetInt64(), row.GetProperty("max_pixels").GetInt64());
            AssertSame(row, row.GetProperty("sha256").GetString()!, processor, Picture.Load(Path.Combine(Folder, row.GetProperty("image").GetString()!), new PictureReadOptions { ClipDeepGrey = true }));
            count++;
        }

        Assert.Equal(21, count);
    }

    [Fact]
    public void SeveralPicturesFollowEachOther()
    {
        using var multi = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "multi.json")));
        var row = multi.RootElement;
        var processor = Qwen2.WithPixels(row.GetProperty("min_pixels").GetInt64(), row.GetProperty("max_pixels").GetInt64());
        QwenPicture[] pictures = [.. row.GetProperty("images").EnumerateArray().Select(name => processor.Fit(Picture.Load(Path.Combine(Folder, name.GetString()!))))];
        Assert.Equal(row.GetProperty("image_grid_thw").EnumerateArray().Select(Grid), pictures.Select(picture => picture.Grid));
        using var scope = TensorScope.Open();
        var pixels = processor.ToTensor(pictures);
        Assert.Equal(row.GetProperty("pixel_values_shape").EnumerateArray().Select(v => v.GetInt32()), pixels.Shape.ToArray());
        Assert.Equal(row.GetProperty("pixel_values_sha256").GetString(), Hash(pixels));
    }

    [Theory]
    [InlineData("{}", 3136, 1003520)]
    [InlineData("""{"min_pixels": 50176, "max_pixels": 401408}""", 50176, 401408)]
    [InlineData("""{"size": {"min_pixels": 3136, "max_pixels": 12845056}}""", 3136, 12845056)]
    [InlineData("""{"size": {"shortest_edge": 3136, "longest_edge": 12845056}, "max_pixels": 401408}""", 3136, 401408)]
    public void LimitsAreReadInAllPublishedForms(string json, int least, int most)
    {
        using var document = JsonDocument.Parse(json);
        var processor = QwenImageProcessor.Read(document.RootElement, "the test");
        Assert.Equal((least, most), (processor.MinPixels, processor.MaxPixels));
    }

    [Theory]
    [InlineData("""{"patch_size": 0}""")]
    [InlineData("""{"min_pixels": 10, "max_pixels": 5}""")]
    [InlineData("""{"image_mean": [0.5]}""")]
    [InlineData("""{"image_std": [0.5, 0, 0.5]}""")]
    [InlineData("""{"do_rescale": false}""")]
    [InlineData("""{"resample": 9}""")]
    [InlineData("""{"patch_size": "large"}""")]
    [InlineData("""{"size": 224}""")]
    public void BadSettingsAreSentences(string json)
    {
        using var document = JsonDocument.Parse(json);
        var error = Assert.Throws<SightlineException>(() => QwenImageProcessor.Read(document.RootElement, "the test"));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("the test", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutResizeOnlyWholeBlocksAreTaken()
    {
        using var document = JsonDocument.Parse("""{"do_resize": false}""");
        var processor = QwenImageProcessor.Read(document.RootElement, "the test");
        Assert.Equal(new PictureGrid(1, 2, 4), processor.Fit(new Picture(56, 28, new byte[56 * 28 * 3])).Grid);
        Assert.Equal(ErrorKind.BadPicture, Assert.Throws<SightlineException>(() => processor.Fit(new Picture(57, 28, new byte[57 * 28 * 3]))).Kind);
    }

    private static void AssertSame(JsonElement row, string sha256, QwenImageProcessor processor, Picture picture)
    {
        var ready = processor.Fit(picture);
        Assert.Equal(Grid(row.GetProperty("image_grid_thw")[0]), ready.Grid);
        Assert.Equal(ready.Grid, processor.GridOf(picture.Width, picture.Height));
        using var scope = TensorScope.Open();
        Assert.True(sha256 == Hash(processor.ToTensor(ready)), row.GetRawText()[..Math.Min(160, row.GetRawText().Length)]);
    }

    private static string Hash(Tensor pixels) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(pixels.AsSpan<float>())));

    private static PictureGrid Grid(JsonElement thw) => new(thw[0].GetInt32(), thw[1].GetInt32(), thw[2].GetInt32());

    private static IEnumerable<JsonElement> Rows(string file)
    {
        foreach (var line in File.ReadLines(Path.Combine(Folder, file)))
        {
            using var document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }
}
