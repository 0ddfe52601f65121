using Sightline.Geometry;
using Sightline.Tensors;

namespace Sightline.Training.Scenes;

/// <summary>How an object of a scene looks, in words.</summary>
internal readonly record struct Looks(string Shape, string Color, string Texture, string Size);

/// <summary>One object of a scene with its place: an outline in picture coordinates and its exact box.</summary>
internal sealed class Figure
{
    private readonly (double X, double Y)[] _points;
    private readonly int[] _loopEnds;
    private readonly Looks _looks;
    private readonly double _radius;

    private Figure(Looks looks, (double X, double Y)[] points, int[] loopEnds, double radius, Box box)
    {
        (_looks, _points, _loopEnds, _radius) = (looks, points, loopEnds, radius);
        Box = box;
    }

    /// <summary>The bounds of the outline, in pixels of the picture.</summary>
    public Box Box { get; }

    /// <summary>Draws size, turn and place; the whole figure lies inside the picture.</summary>
    public static Figure Draw(in Looks looks, int width, int height, SceneOptions options, RandomStream random)
    {
        var (from, to) = looks.Size == "small" ? options.SmallRadius : options.LargeRadius;
        var radius = random.NextDouble(from, to) * Math.Min(width, height);
        var tilt = Outline.Tilt(looks.Shape);
        var (sin, cos) = Math.SinCos(random.NextDouble(-tilt, tilt));
        var outline = Outline.Of(looks.Shape);
        var points = new (double X, double Y)[outline.Loops.Sum(l => l.Length)];
        var ends = new int[outline.Loops.Count];
        double left = double.MaxValue, top = double.MaxValue, right = double.MinValue, bottom = double.MinValue;
        var n = 0;
        for (var loop = 0; loop < ends.Length; loop++)
        {
            foreach (var (x, y) in outline.Loops[loop])
            {
                var (px, py) = (radius * ((x * cos) - (y * sin)), radius * ((x * sin) + (y * cos)));
                (left, top, right, bottom) = (Math.Min(left, px), Math.Min(top, py), Math.Max(right, px), Math.Max(bottom, py));
                points[n++] = (px, py);
            }

            ends[loop] = n;
        }

        var (dx, dy) = (random.NextDouble(1 - left, width - 1 - right), random.NextDouble(1 - top, height - 1 - bottom));
        for (var i = 0; i < points.Length; i++) points[i] = (points[i].X + dx, points[i].Y + dy);
        var box = new Box(left + dx, top + dy, right + dx, bottom + dy, CoordinateFrame.Pixels(width, height));
        return new Figure(looks, points, ends, radius, box);
    }

    /// <summary>Paints it with small changes of colour, so that a name is a region of colours and not one value.</summary>
    public void Paint(Span<byte> rgb, int width, int height, CoverageRaster raster, RandomStream random)
    {
        var (r, g, b) = Palette.All[_looks.Color];
        var light = random.NextDouble(-12, 12);
        var (jr, jg, jb) = (Vary(r, light, random), Vary(g, light, random), Vary(b, light, random));
        // gaps are dark on light colours and light on dark ones, and never a second palette colour's area: most stays the main colour
        var dark = ((299 * r) + (587 * g) + (114 * b)) / 1000 > 120;
        var toward = dark ? 20 : 235;
        var second = ((byte)((jr + (2 * toward)) / 3), (byte)((jg + (2 * toward)) / 3), (byte)((jb + (2 * toward)) / 3));
        var period = Math.Max(4.5, _radius * random.NextDouble(0.42, 0.6));
        var paint = new ScenePaint(jr, jg, jb) { Texture = _looks.Texture, Second = second, Period = period, Angle = random.NextDouble(0, Math.PI) };
        ScenePainter.Fill(rgb, width, height, raster, _points, _loopEnds, paint);
    }

    private static byte Vary(byte level, double light, RandomStream random) => (byte)Math.Clamp(level + light + random.NextDouble(-9, 9), 0, 255);
}
