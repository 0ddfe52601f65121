using System.Security.Cryptography;
using System.Text.Json;
using Sightline.Imaging;
using Sightline.Testing;

namespace Sightline.Tests.Imaging;

public class DecodeTests
{
    private static readonly PictureReadOptions AsStored = new() { ApplyOrientation = false };
    private static readonly string Reference = Fixtures.Path("images", "reference");
    private static readonly string Qwen = Fixtures.Path("images", "qwen");

    public static TheoryData<string> Jpegs => [.. Directory.GetFiles(Path.Combine(Reference, "jpeg"), "*.jpg").Select(f => Path.GetFileName(f)).Order()];

    public static TheoryData<string> Pngs => [.. Directory.GetFiles(Path.Combine(Reference, "png"), "*.png").Select(f => Path.GetFileNameWithoutExtension(f)).Order()];

    public static TheoryData<string> QwenDecoded => [.. Directory.GetFiles(Path.Combine(Qwen, "decoded"), "*.png").Select(f => Path.GetFileName(f)).Order()];

    [Theory]
    [MemberData(nameof(Jpegs))]
    public void JpegsEqualTheReference(string file)
    {
        // the same inverse transform and chroma upsampling as the reference: exact
        var path = Path.Combine(Reference, "jpeg", file);
        AssertSame(Picture.Load(Path.ChangeExtension(path, ".rgb.png")), Picture.Load(path, AsStored), file);
        var upright = Path.ChangeExtension(path, ".upright.png");
        if (File.Exists(upright)) AssertSame(Picture.Load(upright), Picture.Load(path), file + " upright");
        else Assert.False(file.StartsWith("orientation", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Pngs))]
    public void PngsEqualTheReference(string name)
    {
        var goldens = PngGoldens;
        var shape = goldens.Shape($"{name}/pil_rgb");
        var path = Path.Combine(Reference, "png", name + ".png");
        AssertSame(Picture.FromPixels(goldens.Bytes($"{name}/pil_rgb"), shape[1], shape[0]), Picture.Load(path, new PictureReadOptions { ClipDeepGrey = true }), name);
        if (name.StartsWith("grey16", StringComparison.Ordinal))
            AssertSame(Picture.FromPixels([.. goldens.Integers($"{name}/samples").Select(sample => (byte)(sample >> 8))], shape[1], shape[0], PixelLayout.Grey8), Picture.Load(path), name);
        if (!goldens.Has($"{name}/pil_rgba")) return;

        // over white: round(value x alpha + 255 x (1 - alpha)), all over 255
        var rgba = goldens.Bytes($"{name}/pil_rgba");
        var painted = Picture.Load(path, new PictureReadOptions { Alpha = AlphaHandling.OnWhite });
        for (var i = 0; i < shape[0] * shape[1]; i++)
        {
            for (var c = 0; c < 3; c++)
            {
                var exact = ((rgba[(4 * i) + c] * rgba[(4 * i) + 3]) + (255 * (255 - rgba[(4 * i) + 3]))) / 255.0;
                Assert.True(Math.Abs(painted.Pixels[(3 * i) + c] - exact) <= 0.5, $"{name} pixel {i} channel {c}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(QwenDecoded))]
    public void QwenPicturesDecodeAsTheReference(string file)
    {
        var parts = file.Split('.');
        var source = Directory.GetFiles(Qwen, parts[0] + ".*").Single();
        var options = new PictureReadOptions
        {
            ApplyOrientation = parts[1] == "exif_transposed",
            Alpha = parts[1] == "on_white" ? AlphaHandling.OnWhite : AlphaHandling.Drop,
            ClipDeepGrey = true,
        };
        AssertSame(Picture.Load(Path.Combine(Qwen, "decoded", file)), Picture.Load(source, options), file);
    }

    [Fact]
    public void QwenDecodedAndResizedHashesAgree()
    {
        var seen = 0;
        var decoded = new Dictionary<(string, string), Picture>();
        foreach (var line in File.ReadLines(Path.Combine(Qwen, "cases.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var row = json.RootElement;
            var (image, variant) = (row.GetProperty("image").GetString()!, row.GetProperty("variant").GetString()!);
            var options = new PictureReadOptions
            {
                ApplyOrientation = variant == "exif_transposed",
                Alpha = variant == "on_white" ? AlphaHandling.OnWhite : AlphaHandling.Drop,
                ClipDeepGrey = true,
            };
            if (!decoded.TryGetValue((image, variant), out var picture)) decoded[(image, variant)] = picture = Picture.Load(Path.Combine(Qwen, image), options);
            Assert.Equal(row.GetProperty("decoded_rgb_sha256").GetString(), Hash(picture));
            var resized = picture.ResizeTo(row.GetProperty("resized_width").GetInt32(), row.GetProperty("resized_height").GetInt32(), ResizeFilter.Bicubic);
            Assert.Equal(row.GetProperty("pil_resized_rgb_sha256").GetString(), Hash(resized));
            seen++;
        }

        Assert.Equal(80, seen);
    }

    private static GoldenTensors PngGoldens { get; } = new(Path.Combine(Reference, "png.safetensors"));

    private static string Hash(Picture picture) => Convert.ToHexStringLower(SHA256.HashData(picture.Pixels));

    private static void AssertSame(Picture expected, Picture actual, string what)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        var (worst, count) = (0, 0);
        for (var i = 0; i < expected.Pixels.Length; i++)
        {
            var difference = Math.Abs(expected.Pixels[i] - actual.Pixels[i]);
            worst = Math.Max(worst, difference);
            if (difference > 0) count++;
        }

        Assert.True(worst == 0, $"{what}: {count} of {expected.Pixels.Length} samples differ, by {worst} at most");
    }
}
