using Sightline.Geometry;
using Sightline.Imaging;

namespace Sightline.Training.Expressions;

/// <summary>
/// The name of the colour of an object, from the pixels inside its box, or null when it is not safe to name one. Pixels in
/// the inner ellipse of the box vote with the name of their hue, saturation and value (HSV); a name needs
/// <see cref="RequiredShare"/> of the votes. A pixel near a border between two names does not vote, so a colour that two
/// people would name differently gets no name.
/// </summary>
public static class RegionColor
{
    /// <summary>The share of all pixels that must agree on a name.</summary>
    public const double RequiredShare = 0.6;

    private const int FewestPixels = 48;

    // hue borders in degrees with the name above each; the doubtful band on either side of a border is HueBand wide
    private const float HueBand = 5;
    private static readonly (float From, string Name)[] Hues =
        [(0, "red"), (16, "orange"), (43, "yellow"), (68, "green"), (165, "cyan"), (197, "blue"), (257, "purple"), (299, "pink"), (343, "red")];

    private static readonly string[] Names = ["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown", "white", "grey", "black"];

    /// <summary>Every name that can be given.</summary>
    public static IReadOnlyList<string> All => Names;

    /// <summary>The colour inside a box of the picture, or null.</summary>
    public static string? Name(Picture picture, Box box)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var b = box.To(picture.Frame).Clip();
        if (b.IsEmpty) return null;
        Span<int> votes = stackalloc int[Names.Length];
        var total = 0;
        // at most about 64 x 64 samples, on a grid
        var (stepX, stepY) = (Math.Max(1, b.Width / 64), Math.Max(1, b.Height / 64));
        var (radiusX, radiusY) = (0.4 * b.Width, 0.4 * b.Height); // the corners of a box are mostly background
        for (var y = b.CenterY - radiusY; y < b.CenterY + radiusY; y += stepY)
        {
            for (var x = b.CenterX - radiusX; x < b.CenterX + radiusX; x += stepX)
            {
                var (dx, dy) = ((x - b.CenterX) / radiusX, (y - b.CenterY) / radiusY);
                if ((dx * dx) + (dy * dy) > 1) continue;
                total++;
                var at = ((Math.Clamp((int)y, 0, picture.Height - 1) * picture.Width) + Math.Clamp((int)x, 0, picture.Width - 1)) * 3;
                var name = NameOf(picture.Pixels[at], picture.Pixels[at + 1], picture.Pixels[at + 2]);
                if (name >= 0) votes[name]++;
            }
        }

        if (total < FewestPixels) return null;
        for (var i = 0; i < votes.Length; i++)
        {
            if (votes[i] >= RequiredShare * total) return Names[i];
        }

        return null;
    }

    /// <summary>Index into the names for one pixel, or -1 near a border between names.</summary>
    private static int NameOf(byte r, byte g, byte b)
    {
        var (max, min) = (Math.Max(r, Math.Max(g, b)), Math.Min(r, Math.Min(g, b)));
        var value = max / 255f;
        var saturation = max == 0 ? 0 : (max - min) / (float)max;
        if (value < 0.16f) return Index("black");
        if (value < 0.22f) return -1;
        if (saturation < 0.14f) return value > 0.85f ? Index("white") : value is > 0.3f and < 0.72f ? Index("grey") : -1;
        if (saturation < 0.34f) return -1;
        var hue = Hue(r, g, b, max, min);
        for (var i = Hues.Length - 1; i >= 0; i--)
        {
            if (hue < Hues[i].From) continue;
            var upper = i + 1 < Hues.Length ? Hues[i + 1].From : 360 + Hues[1].From;
            // red runs through 0, where there is no border
            var nearLower = Hues[i].From > 0 && hue - Hues[i].From < HueBand;
            if (nearLower || upper - hue < HueBand) return -1;
            return Shade(Hues[i].Name, value, saturation);
        }

        return -1;
    }

    // dark orange is brown, light red is pink
    private static int Shade(string name, float value, float saturation) => name switch
    {
        "orange" when value < 0.6f => Index("brown"),
        "orange" when value < 0.75f => -1,
        "yellow" when value < 0.55f => -1,
        "red" when saturation < 0.55f => value > 0.8f && saturation < 0.45f ? Index("pink") : -1,
        _ => Index(name),
    };

    private static int Index(string name) => Array.IndexOf(Names, name);

    private static float Hue(byte r, byte g, byte b, byte max, byte min)
    {
        var range = (float)(max - min);
        var sextant = max == r ? (g - b) / range : max == g ? 2 + ((b - r) / range) : 4 + ((r - g) / range);
        var hue = 60 * sextant;
        return hue < 0 ? hue + 360 : hue;
    }
}
