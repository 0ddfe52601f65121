using System.Numerics;

namespace Sightline.Imaging.Drawing;

/// <summary>A rectangle of whole pixels, right and bottom not included.</summary>
internal readonly record struct PixelRectangle(int Left, int Top, int Right, int Bottom)
{
    public int Width => Right - Left;

    public int Height => Bottom - Top;

    public long Area => (long)Math.Max(Width, 0) * Math.Max(Height, 0);

    public PixelRectangle Grow(int by) => new(Left - by, Top - by, Right + by, Bottom + by);

    public PixelRectangle Intersect(PixelRectangle other) =>
        new(Math.Max(Left, other.Left), Math.Max(Top, other.Top), Math.Min(Right, other.Right), Math.Min(Bottom, other.Bottom));
}

/// <summary>Fills, frames and text on a picture, blended and clipped to it.</summary>
internal sealed class Painter(Picture picture)
{
    private readonly PixelRectangle _bounds = new(0, 0, picture.Width, picture.Height);

    /// <summary>A filled rectangle; opacity 0..1.</summary>
    public void Fill(PixelRectangle rectangle, PixelColor color, double opacity = 1)
    {
        var part = rectangle.Intersect(_bounds);
        var weight = (int)Math.Round(Math.Clamp(opacity, 0, 1) * 256);
        for (var y = part.Top; y < part.Bottom; y++)
        {
            for (var x = part.Left; x < part.Right; x++) Blend(x, y, color, weight);
        }
    }

    /// <summary>The ring between a rectangle and the same rectangle shrunk by the thickness; dashes when a period is given.</summary>
    public void Frame(PixelRectangle outer, int thickness, PixelColor color, double opacity = 1, int dash = 0)
    {
        thickness = Math.Min(thickness, Math.Max((Math.Min(outer.Width, outer.Height) + 1) / 2, 1));
        Bar(outer with { Bottom = outer.Top + thickness }, true, color, opacity, dash);
        Bar(outer with { Top = outer.Bottom - thickness }, true, color, opacity, dash);
        Bar(new PixelRectangle(outer.Left, outer.Top + thickness, outer.Left + thickness, outer.Bottom - thickness), false, color, opacity, dash);
        Bar(new PixelRectangle(outer.Right - thickness, outer.Top + thickness, outer.Right, outer.Bottom - thickness), false, color, opacity, dash);
    }

    /// <summary>Width in pixels of a text whose capitals have the given height.</summary>
    public static double TextWidth(string text, double capHeight) => StrokeFont.Layout(text, null) * capHeight / StrokeFont.CapHeight;

    /// <summary>
    /// A line of text. Coverage of a pixel is the pen's radius less the distance to the nearest stroke, plus a half,
    /// clamped: antialiased at every size.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="x">Left edge of the first letter.</param>
    /// <param name="baseline">The y that letters stand on.</param>
    /// <param name="capHeight">Height of capitals in pixels.</param>
    /// <param name="color">Colour.</param>
    public void Text(string text, double x, double baseline, double capHeight, PixelColor color)
    {
        var pieces = new List<(Vector2 From, Vector2 To)>(text.Length * 12);
        var scale = (float)(capHeight / StrokeFont.CapHeight);
        var width = StrokeFont.Layout(text, pieces) * scale;
        var radius = Math.Max((float)capHeight * 0.075f, 0.55f);
        var origin = new Vector2((float)x, (float)(baseline - capHeight));
        var area = new PixelRectangle(
            (int)Math.Floor(x - radius - 1), (int)Math.Floor(origin.Y - radius - 1), (int)Math.Ceiling(x + width + radius + 1),
            (int)Math.Ceiling(baseline + (StrokeFont.Descent * scale) + radius + 1)).Intersect(_bounds);
        if (area.Width <= 0 || area.Height <= 0) return;
        var coverage = new float[area.Width * area.Height];
        foreach (var (from, to) in pieces) Stroke(coverage, area, origin + (from * scale), origin + (to * scale), radius);
        for (var y = area.Top; y < area.Bottom; y++)
        {
            for (var column = area.Left; column < area.Right; column++)
                Blend(column, y, color, (int)(coverage[((y - area.Top) * area.Width) + column - area.Left] * 256));
        }
    }

    private static void Stroke(float[] coverage, PixelRectangle area, Vector2 from, Vector2 to, float radius)
    {
        var reach = new Vector2(radius + 1);
        var (low, high) = (Vector2.Min(from, to) - reach, Vector2.Max(from, to) + reach);
        var part = new PixelRectangle((int)MathF.Floor(low.X), (int)MathF.Floor(low.Y), (int)MathF.Ceiling(high.X), (int)MathF.Ceiling(high.Y)).Intersect(area);
        var direction = to - from;
        var lengthSquared = Math.Max(direction.LengthSquared(), 1e-12f);
        for (var y = part.Top; y < part.Bottom; y++)
        {
            for (var x = part.Left; x < part.Right; x++)
            {
                var center = new Vector2(x + 0.5f, y + 0.5f);
                var along = Math.Clamp(Vector2.Dot(center - from, direction) / lengthSquared, 0, 1);
                var covered = Math.Clamp(radius + 0.5f - Vector2.Distance(center, from + (along * direction)), 0, 1);
                ref var cell = ref coverage[((y - area.Top) * area.Width) + x - area.Left];
                cell = Math.Max(cell, covered);
            }
        }
    }

    private void Bar(PixelRectangle bar, bool horizontal, PixelColor color, double opacity, int dash)
    {
        if (dash <= 0)
        {
            Fill(bar, color, opacity);
            return;
        }

        var (begin, end) = horizontal ? (bar.Left, bar.Right) : (bar.Top, bar.Bottom);
        for (var at = begin; at < end; at += 2 * dash)
        {
            var stop = Math.Min(at + dash, end);
            Fill(horizontal ? bar with { Left = at, Right = stop } : bar with { Top = at, Bottom = stop }, color, opacity);
        }
    }

    private void Blend(int x, int y, PixelColor color, int weight)
    {
        if (weight <= 0) return;
        var pixel = picture.Writable.Slice(((y * picture.Width) + x) * 3, 3);
        pixel[0] = (byte)(((pixel[0] * (256 - weight)) + (color.Red * weight) + 128) >> 8);
        pixel[1] = (byte)(((pixel[1] * (256 - weight)) + (color.Green * weight) + 128) >> 8);
        pixel[2] = (byte)(((pixel[2] * (256 - weight)) + (color.Blue * weight) + 128) >> 8);
    }
}
