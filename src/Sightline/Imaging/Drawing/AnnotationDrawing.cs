using System.Globalization;
using Sightline.Geometry;

namespace Sightline.Imaging.Drawing;

/// <summary>
/// Draws boxes that a person can read on any background: a bright edge between two dark lines, and a plate in the same
/// colour with black or white text, whichever stands out more. Plates stay inside the picture, keep off each other, and off other
/// boxes' edges where there is room; where there is little, a plate shows the score alone, then none is drawn. Needs no native library.
/// </summary>
public static class AnnotationDrawing
{
    // bright, far apart in hue, and each at least 3:1 in luminance against the dark line around it
    private static readonly PixelColor[] Palette =
    [
        new(255, 213, 0), new(0, 229, 255), new(255, 82, 82), new(118, 255, 3), new(224, 130, 255), new(255, 145, 0),
        new(64, 156, 255), new(255, 128, 171), new(29, 233, 182), new(230, 238, 156),
    ];

    /// <summary>A copy of the picture with the boxes drawn on it.</summary>
    public static Picture Draw(this Picture picture, IReadOnlyList<Annotation> annotations, DrawingStyle? style = null)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(annotations);
        style ??= new DrawingStyle();
        var copy = new Picture(picture.Width, picture.Height, picture.Pixels.ToArray());
        var painter = new Painter(copy);
        var side = Math.Sqrt((double)picture.Width * picture.Height);
        var thickness = style.Thickness > 0 ? style.Thickness : (int)Math.Clamp(Math.Round(side / 250), 1, 12);
        var crowd = annotations.Count > 15 ? 0.75 : 1;
        var text = style.TextHeight > 0 ? style.TextHeight : Math.Clamp(side / 54 * crowd, 8, 60);
        var outline = Math.Max((thickness + 1) / 3, 1);
        var colors = Colors(annotations);
        var seen = new HashSet<(PixelRectangle, string, bool)>();
        // what is given twice is drawn once
        var edges = annotations.Select(a => Edge(picture.Width, picture.Height, a.Box.To(picture.Frame)) is { } edge && seen.Add((edge, a.Label, a.Dashed)) ? edge : (PixelRectangle?)null).ToArray();
        for (var i = 0; i < edges.Length; i++)
        {
            if (edges[i] is not { } edge) continue;
            painter.Frame(edge.Grow(outline), thickness + (2 * outline), PixelColor.Black, 0.75);
            painter.Frame(edge, thickness, colors[i], dash: annotations[i].Dashed ? Math.Max(thickness * 4, 4) : 0);
        }

        if (style.Labels || style.Scores) DrawPlates(painter, picture, annotations, edges, colors, style, text, outline);
        return copy;
    }

    /// <summary>Where <see cref="Draw"/> would put label plates, for those who draw them otherwise: inside the picture, off each other, and off other boxes' edges where there is room.</summary>
    /// <param name="frame">The picture.</param>
    /// <param name="boxes">The boxes in any frame of the picture, the important ones first.</param>
    /// <param name="plates">Width and height of each box's plate, in units of <paramref name="frame"/>.</param>
    /// <returns>A place for each box's plate, in <paramref name="frame"/>; null where there is no room, or no box inside the picture.</returns>
    public static IReadOnlyList<Box?> PlacePlates(CoordinateFrame frame, IReadOnlyList<Box> boxes, IReadOnlyList<(double Width, double Height)> plates)
    {
        ArgumentNullException.ThrowIfNull(boxes);
        ArgumentNullException.ThrowIfNull(plates);
        const int grid = 2000; // cells along the longer side: places are whole ones
        var cell = Math.Max(frame.Width, frame.Height) / grid;
        var (width, height) = ((int)Math.Max(1, frame.Width / cell), (int)Math.Max(1, frame.Height / cell));
        var edges = boxes.Select(box => Edge(width, height, box.To(CoordinateFrame.Unit).To(CoordinateFrame.Pixels(width, height)))).ToArray();
        var placement = new PlatePlacement(width, height, [.. edges.OfType<PixelRectangle>()]);
        return [.. edges.Zip(plates, (edge, plate) => edge is { } known && placement.Place(known, (int)Math.Ceiling(plate.Width / cell), (int)Math.Ceiling(plate.Height / cell), 4) is { } place
            ? new Box(place.Left * cell, place.Top * cell, place.Right * cell, place.Bottom * cell, frame)
            : (Box?)null)];
    }

    private static void DrawPlates(
        Painter painter, Picture picture, IReadOnlyList<Annotation> annotations, PixelRectangle?[] edges, PixelColor[] colors, DrawingStyle style, double text, int outline)
    {
        var pad = (int)Math.Ceiling(text * 0.4);
        var height = (int)Math.Ceiling(text * 1.25) + (2 * pad); // descenders reach a third of the capitals' height
        var places = new PlatePlacement(picture.Width, picture.Height, [.. edges.OfType<PixelRectangle>()]);
        var named = new HashSet<string>(StringComparer.Ordinal);
        // one of each label before the second of any: colours tell the others
        foreach (var i in Enumerable.Range(0, edges.Length).OrderBy(i => edges[i] is null || named.Add(annotations[i].Label) ? 0 : 1))
        {
            var (label, score) = Words(annotations[i], style);
            if (edges[i] is not { } edge) continue;
            foreach (var words in new[] { Shorten(label, score, text, picture.Width - (2 * pad)), score }.Distinct())
            {
                if (words.Length == 0 || places.Place(edge, (int)Math.Ceiling(Painter.TextWidth(words, text)) + (2 * pad), height, outline) is not { } plate) continue;
                painter.Fill(plate.Grow(outline), PixelColor.Black, 0.75);
                painter.Fill(plate, colors[i]);
                painter.Text(words, plate.Left + pad, plate.Top + pad + text, text, IsLight(colors[i]) ? PixelColor.Black : PixelColor.White);
                break;
            }
        }
    }

    /// <summary>The box in whole pixels inside the picture, null when it has no area there.</summary>
    private static PixelRectangle? Edge(int width, int height, Box box)
    {
        if (!double.IsFinite(box.X1 + box.Y1 + box.X2 + box.Y2)) return null;
        box = box.Clip();
        if (box.IsEmpty) return null;
        var (left, top) = ((int)Math.Min(Math.Round(box.X1), width - 1), (int)Math.Min(Math.Round(box.Y1), height - 1));
        return new PixelRectangle(left, top, Math.Max((int)Math.Round(box.X2), left + 1), Math.Max((int)Math.Round(box.Y2), top + 1));
    }

    private static PixelColor[] Colors(IReadOnlyList<Annotation> annotations)
    {
        var known = new Dictionary<string, PixelColor>(StringComparer.Ordinal);
        var colors = new PixelColor[annotations.Count];
        for (var i = 0; i < colors.Length; i++)
        {
            if (annotations[i].Color is { } own) colors[i] = own;
            else if (!known.TryGetValue(annotations[i].Label, out colors[i])) known[annotations[i].Label] = colors[i] = Palette[known.Count % Palette.Length];
        }

        return colors;
    }

    private static (string Label, string Score) Words(Annotation annotation, DrawingStyle style) => (
        style.Labels ? annotation.Label.ReplaceLineEndings(" ").Trim() : "",
        style.Scores && annotation.Score is { } score ? score.ToString("0.00", CultureInfo.InvariantCulture) : "");

    /// <summary>Both on one line; where it is too long the label is cut, never the score.</summary>
    internal static string Shorten(string label, string score, double capHeight, int room)
    {
        var end = label.Length > 0 && score.Length > 0 ? " " + score : score;
        if (Painter.TextWidth(label + end, capHeight) <= room) return label + end;
        while (label.Length > 1 && Painter.TextWidth(label + ".." + end, capHeight) > room) label = label[..^1];
        return label.Length > 1 ? label.TrimEnd() + ".." + end : Painter.TextWidth(score, capHeight) <= room ? score : "";
    }

    private static bool IsLight(PixelColor c) => (0.299 * c.Red) + (0.587 * c.Green) + (0.114 * c.Blue) > 120;
}
