namespace Sightline.Training.Scenes;

/// <summary>How a shape is filled: one colour, or two that a texture alternates in the shape's own coordinates.</summary>
/// <param name="R">Red of the main colour; <paramref name="G"/> and <paramref name="B"/> likewise.</param>
internal readonly record struct ScenePaint(byte R, byte G, byte B)
{
    /// <summary>"plain", "striped", "dotted" or "checkered".</summary>
    public string Texture { get; init; } = "plain";

    /// <summary>The colour of the gaps.</summary>
    public (byte R, byte G, byte B) Second { get; init; }

    /// <summary>Pixels from one stripe, dot or square to the next of its kind.</summary>
    public double Period { get; init; } = 1;

    /// <summary>Direction of the pattern in radians.</summary>
    public double Angle { get; init; }
}

/// <summary>Fills antialiased polygons into RGB bytes.</summary>
internal static class ScenePainter
{
    /// <summary>Fills one loop with one colour.</summary>
    public static void FillLoop(Span<byte> rgb, int width, int height, CoverageRaster raster, ReadOnlySpan<(double X, double Y)> loop, in ScenePaint paint)
    {
        double left = double.MaxValue, top = double.MaxValue, right = double.MinValue, bottom = double.MinValue;
        foreach (var (x, y) in loop) (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x), Math.Max(bottom, y));
        Begin(raster, width, height, left, top, right, bottom);
        AddLoop(raster, loop);
        Blend(rgb, width, raster, paint);
    }

    /// <summary>Fills an outline that was scaled, turned and moved; every loop's points are given in picture coordinates.</summary>
    public static void Fill(Span<byte> rgb, int width, int height, CoverageRaster raster, ReadOnlySpan<(double X, double Y)> points, ReadOnlySpan<int> loopEnds, in ScenePaint paint)
    {
        double left = double.MaxValue, top = double.MaxValue, right = double.MinValue, bottom = double.MinValue;
        foreach (var (x, y) in points) (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x), Math.Max(bottom, y));
        Begin(raster, width, height, left, top, right, bottom);
        var start = 0;
        foreach (var end in loopEnds)
        {
            AddLoop(raster, points[start..end]);
            start = end;
        }

        Blend(rgb, width, raster, paint);
    }

    private static void Begin(CoverageRaster raster, int width, int height, double left, double top, double right, double bottom)
    {
        var (x0, y0) = (Math.Clamp((int)Math.Floor(left), 0, width - 1), Math.Clamp((int)Math.Floor(top), 0, height - 1));
        var (x1, y1) = (Math.Clamp((int)Math.Ceiling(right), x0 + 1, width), Math.Clamp((int)Math.Ceiling(bottom), y0 + 1, height));
        raster.Begin(x0, y0, x1 - x0, y1 - y0);
    }

    private static void AddLoop(CoverageRaster raster, ReadOnlySpan<(double X, double Y)> loop)
    {
        var (px, py) = loop[^1];
        foreach (var (x, y) in loop)
        {
            raster.Edge(px, py, x, y);
            (px, py) = (x, y);
        }
    }

    private static void Blend(Span<byte> rgb, int width, CoverageRaster raster, in ScenePaint paint)
    {
        Span<float> coverage = raster.Width <= 1024 ? stackalloc float[raster.Width] : new float[raster.Width];
        var (sin, cos) = Math.SinCos(paint.Angle);
        var (ux, uy) = (cos / paint.Period, sin / paint.Period);
        for (var row = 0; row < raster.Height; row++)
        {
            raster.Row(row, coverage);
            var y = raster.Top + row;
            var at = ((y * width) + raster.Left) * 3;
            for (var i = 0; i < coverage.Length; i++, at += 3)
            {
                var a = coverage[i];
                if (a <= 0.002f) continue;
                var second = paint.Texture != "plain" && IsGap(paint.Texture, raster.Left + i, y, ux, uy);
                var (r, g, b) = second ? paint.Second : (paint.R, paint.G, paint.B);
                rgb[at] = (byte)(rgb[at] + (a * (r - rgb[at])) + 0.5f);
                rgb[at + 1] = (byte)(rgb[at + 1] + (a * (g - rgb[at + 1])) + 0.5f);
                rgb[at + 2] = (byte)(rgb[at + 2] + (a * (b - rgb[at + 2])) + 0.5f);
            }
        }
    }

    // u runs across the stripes, v along them, both in periods
    private static bool IsGap(string texture, int x, int y, double ux, double uy)
    {
        var u = (x * ux) + (y * uy);
        var v = (y * ux) - (x * uy);
        var (fu, fv) = (u - Math.Floor(u), v - Math.Floor(v));
        return texture switch
        {
            "striped" => fu < 0.42,
            "checkered" => fu < 0.5 != fv < 0.5,
            _ => ((fu - 0.5) * (fu - 0.5)) + ((fv - 0.5) * (fv - 0.5)) < 0.085,
        };
    }
}
