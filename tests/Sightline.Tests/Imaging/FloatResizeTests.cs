using Sightline.Imaging;
using Sightline.Imaging.Resampling;
using Sightline.Testing;

namespace Sightline.Tests.Imaging;

public class FloatResizeTests
{
    private static readonly GoldenTensors Goldens = new(Fixtures.Path("images", "reference", "resize.safetensors"));

    public static TheoryData<string, FloatResizeMode, bool> Cases
    {
        get
        {
            var data = new TheoryData<string, FloatResizeMode, bool>();
            foreach (var i in Enumerable.Range(0, 11))
            {
                foreach (var mode in Enum.GetValues<FloatResizeMode>())
                {
                    data.Add(i.ToString("00", null), mode, false);
                    data.Add(i.ToString("00", null), mode, true);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsTorchvisionOnFloats(string name, FloatResizeMode mode, bool antialias)
    {
        var shape = Goldens.Shape($"{name}/in.uint8_hwc");
        var picture = Picture.FromPixels(Goldens.Bytes($"{name}/in.uint8_hwc"), shape[1], shape[0]);
        var planes = new float[picture.Pixels.Length];
        PixelNormalization.None.Write(picture, planes);
        var key = $"{name}/torchvision.float.{mode.ToString().ToLowerInvariant()}{(antialias ? "_antialias" : "")}";
        var expected = Goldens.Floats(key);
        var actual = new float[expected.Length];
        FloatResize.Resize(planes, 3, shape[0], shape[1], actual, Goldens.Shape(key)[1], Goldens.Shape(key)[2], mode, antialias);
        for (var i = 0; i < actual.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= 2e-6, $"{key}[{i}]: {actual[i]} in place of {expected[i]}");
    }

    [Fact]
    public void NormalisationFollowsTheReferenceFormulaInBothOrders()
    {
        var levels = new byte[256 * 3];
        for (var i = 0; i < 256; i++) (levels[3 * i], levels[(3 * i) + 1], levels[(3 * i) + 2]) = ((byte)i, (byte)(255 - i), (byte)(i ^ 85));
        var picture = new Picture(64, 4, levels);
        var (planar, interleaved) = (new float[768], new float[768]);
        PixelNormalization.Clip.Write(picture, planar);
        PixelNormalization.Clip.Write(picture, interleaved, PlaneOrder.Interleaved);
        for (var i = 0; i < 256; i++)
        {
            for (var c = 0; c < 3; c++)
            {
                var expected = ((float)(levels[(3 * i) + c] * (1.0 / 255)) - PixelNormalization.Clip.Mean[c]) / PixelNormalization.Clip.Std[c];
                Assert.Equal(expected, planar[(256 * c) + i]);
                Assert.Equal(expected, interleaved[(3 * i) + c]);
            }
        }

        Assert.Equal(picture.Pixels, PixelNormalization.Clip.Restore(planar, 64, 4).Pixels);
    }
}
