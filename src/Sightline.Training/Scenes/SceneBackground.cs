using System.Runtime.CompilerServices;
using Sightline.Tensors;

namespace Sightline.Training.Scenes;

/// <summary>Backgrounds in muted mid tones, so that every object colour (also black and white) stands out: plain, gradient, noise, clutter.</summary>
internal static class SceneBackground
{
    /// <summary>Fills an RGB buffer of width x height x 3.</summary>
    public static void Fill(Span<byte> rgb, int width, int height, CoverageRaster raster, RandomStream random)
    {
        var from = Muted(random);
        var to = random.NextInt(3) == 0 ? from : Muted(random);
        Gradient(rgb, width, height, from, to, random.NextDouble() * 2 * Math.PI);
        var kind = random.NextInt(4);
        if (kind >= 2) Clutter(rgb, width, height, raster, random, kind == 3 ? 14 : 5);
        if (kind is 1 or 3) Noise(rgb, random, 4 + random.NextInt(24));
        else Noise(rgb, random, 2 + random.NextInt(4)); // no real picture is free of noise
    }

    // grey of 70..190 with a faint tint
    private static (float R, float G, float B) Muted(RandomStream random)
    {
        var grey = (float)random.NextDouble(70, 190);
        return (Tint(), Tint(), Tint());
        float Tint() => grey + (float)random.NextDouble(-16, 16);
    }

    private static void Gradient(Span<byte> rgb, int width, int height, (float R, float G, float B) from, (float R, float G, float B) to, double angle)
    {
        var (sin, cos) = Math.SinCos(angle);
        var (stepX, stepY) = ((float)(cos / width), (float)(sin / height));
        var start = (float)(0.5 - (0.5 * (cos + sin)));
        for (int y = 0, at = 0; y < height; y++)
        {
            var t = start + (y * stepY);
            for (var x = 0; x < width; x++, at += 3, t += stepX)
            {
                rgb[at] = (byte)(from.R + (t * (to.R - from.R)));
                rgb[at + 1] = (byte)(from.G + (t * (to.G - from.G)));
                rgb[at + 2] = (byte)(from.B + (t * (to.B - from.B)));
            }
        }
    }

    // uniform noise of the given amplitude, the same on the three channels of a pixel half of the time
    private static void Noise(Span<byte> rgb, RandomStream random, int amplitude)
    {
        var state = random.NextUInt64() | 1;
        var grey = random.NextBool();
        var scale = (2 * amplitude) + 1;
        for (var at = 0; at + 2 < rgb.Length; at += 3)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            var n0 = Level((int)(state & 0xFFFF), scale, amplitude);
            var n1 = grey ? n0 : Level((int)((state >> 16) & 0xFFFF), scale, amplitude);
            var n2 = grey ? n0 : Level((int)((state >> 32) & 0xFFFF), scale, amplitude);
            rgb[at] = Add(rgb[at], n0);
            rgb[at + 1] = Add(rgb[at + 1], n1);
            rgb[at + 2] = Add(rgb[at + 2], n2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Level(int bits, int scale, int amplitude) => ((bits * scale) >> 16) - amplitude;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte Add(byte value, int n) => (byte)Math.Clamp(value + n, 0, 255);

    // slivers of muted colour: things that are there but that no phrase speaks of
    private static void Clutter(Span<byte> rgb, int width, int height, CoverageRaster raster, RandomStream random, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var (x, y) = (random.NextDouble() * width, random.NextDouble() * height);
            var (sin, cos) = Math.SinCos(random.NextDouble() * Math.PI);
            var length = random.NextDouble(0.1, 0.6) * width;
            var thick = random.NextDouble(0.7, 2.4);
            var color = Muted(random);
            Sliver(rgb, width, height, raster, (x, y), (cos * length / 2, sin * length / 2), thick, color);
        }
    }

    private static void Sliver(Span<byte> rgb, int width, int height, CoverageRaster raster, (double X, double Y) at, (double X, double Y) half, double thick, (float R, float G, float B) color)
    {
        var length = Math.Sqrt((half.X * half.X) + (half.Y * half.Y));
        var (nx, ny) = (-half.Y / length * thick, half.X / length * thick);
        ReadOnlySpan<(double X, double Y)> corners =
        [
            Inside(at.X + half.X + nx, at.Y + half.Y + ny), Inside(at.X + half.X - nx, at.Y + half.Y - ny),
            Inside(at.X - half.X - nx, at.Y - half.Y - ny), Inside(at.X - half.X + nx, at.Y - half.Y + ny),
        ];
        var paint = new ScenePaint((byte)color.R, (byte)color.G, (byte)color.B);
        ScenePainter.FillLoop(rgb, width, height, raster, corners, paint);

        (double X, double Y) Inside(double x, double y) => (Math.Clamp(x, 0, width), Math.Clamp(y, 0, height));
    }
}
