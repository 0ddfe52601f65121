using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors;

namespace Sightline.Imaging.Augmentation;

/// <summary>
/// Brightness, contrast, saturation and hue as one affine map of RGB, so that a picture is touched once. Hue turns the
/// chroma plane of YIQ (the NTSC matrix), which is linear, unlike HSV. Luma weights are those of ITU-R BT.601.
/// </summary>
internal readonly struct ColorShift
{
    private const double LumaR = 0.299;
    private const double LumaG = 0.587;
    private const double LumaB = 0.114;
    private const int FractionBits = 16;

    private readonly double[] _matrix; // [3 outputs, 3 inputs + offset in levels]

    private ColorShift(double[] matrix) => _matrix = matrix;

    /// <summary>Draws the factors and looks at the picture's mean grey for the contrast.</summary>
    public static ColorShift Draw(Picture picture, AugmentationOptions options, RandomStream random)
    {
        var brightness = 1 + random.NextDouble(-options.Brightness, options.Brightness);
        var contrast = 1 + random.NextDouble(-options.Contrast, options.Contrast);
        var saturation = 1 + random.NextDouble(-options.Saturation, options.Saturation);
        var hue = random.NextDouble(-options.Hue, options.Hue) * 2 * Math.PI;
        return Create(brightness, contrast, saturation, hue, MeanGrey(picture));
    }

    public static ColorShift Create(double brightness, double contrast, double saturation, double hue, double meanGrey)
    {
        var (cos, sin) = (saturation * Math.Cos(hue), saturation * Math.Sin(hue));
        double[,] toYiq = { { LumaR, LumaG, LumaB }, { 0.595716, -0.274453, -0.321263 }, { 0.211456, -0.522591, 0.311135 } };
        double[,] fromYiq = { { 1, 0.9563, 0.6210 }, { 1, -0.2721, -0.6474 }, { 1, -1.1070, 1.7046 } };
        double[,] turn = { { 1, 0, 0 }, { 0, cos, -sin }, { 0, sin, cos } };
        var chroma = Multiply(fromYiq, Multiply(turn, toYiq));
        var matrix = new double[12];
        for (var o = 0; o < 3; o++)
        {
            for (var i = 0; i < 3; i++) matrix[(o * 4) + i] = chroma[o, i] * brightness * contrast;
            matrix[(o * 4) + 3] = meanGrey * brightness * (1 - contrast);
        }

        return new ColorShift(matrix);
    }

    /// <summary>
    /// In place. For each input channel a table of 256 vectors holds level x (its column of the matrix), so a pixel costs
    /// three loads and two additions.
    /// </summary>
    public void Apply(Picture picture)
    {
        var (red, green, blue) = (Table(0, withOffset: true), Table(1, false), Table(2, false));
        var pixels = MemoryMarshal.Cast<byte, PixelColor>(picture.Writable);
        var top = Vector128.Create(255);
        foreach (ref var pixel in pixels)
        {
            var sum = (red[pixel.Red] + green[pixel.Green] + blue[pixel.Blue]) >> FractionBits;
            sum = Vector128.Min(Vector128.Max(sum, Vector128<int>.Zero), top);
            pixel = new PixelColor((byte)sum[0], (byte)sum[1], (byte)sum[2]);
        }
    }

    private Vector128<int>[] Table(int input, bool withOffset)
    {
        var table = new Vector128<int>[256];
        for (var level = 0; level < 256; level++)
            table[level] = Vector128.Create(Entry(0, input, level, withOffset), Entry(1, input, level, withOffset), Entry(2, input, level, withOffset), 0);
        return table;
    }

    private int Entry(int output, int input, int level, bool withOffset) =>
        (int)Math.Round(((_matrix[(output * 4) + input] * level) + (withOffset ? _matrix[(output * 4) + 3] + 0.5 : 0)) * (1 << FractionBits));

    /// <summary>Mean luma of every 16th pixel: enough for a contrast centre.</summary>
    private static double MeanGrey(Picture picture)
    {
        var pixels = MemoryMarshal.Cast<byte, PixelColor>(picture.Pixels);
        double sum = 0;
        var count = 0;
        for (var i = 0; i < pixels.Length; i += 16, count++) sum += (LumaR * pixels[i].Red) + (LumaG * pixels[i].Green) + (LumaB * pixels[i].Blue);
        return sum / count;
    }

    private static double[,] Multiply(double[,] a, double[,] b)
    {
        var c = new double[3, 3];
        for (var i = 0; i < 3; i++)
        {
            for (var j = 0; j < 3; j++) c[i, j] = (a[i, 0] * b[0, j]) + (a[i, 1] * b[1, j]) + (a[i, 2] * b[2, j]);
        }

        return c;
    }
}
