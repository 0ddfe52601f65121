using System.Globalization;

namespace Sightline.Imaging.Drawing;

/// <summary>A bar of a chart.</summary>
/// <param name="Value">Its height.</param>
/// <param name="Low">Lower end of its interval.</param>
/// <param name="High">Upper end of its interval.</param>
public readonly record struct ChartBar(double Value, double Low, double High);

/// <summary>Groups of bars with intervals, from 0 to 1, as a picture.</summary>
public static class BarChart
{
    private const int Width = 760, Height = 420, Left = 64, Right = 20, Top = 64, Bottom = 56, WidestBar = 80;
    private const double Letters = 11;
    private static readonly PixelColor s_ink = new(40, 44, 52);
    private static readonly PixelColor s_grid = new(222, 224, 228);
    private static readonly PixelColor[] s_colors = [new(47, 126, 216), new(217, 133, 79), new(63, 163, 77), new(142, 91, 208)];

    /// <summary>Draws the chart.</summary>
    /// <param name="title">Above it.</param>
    /// <param name="groups">Names below the groups.</param>
    /// <param name="series">Names of the bars of a group, at most four.</param>
    /// <param name="bars">[groups][series]</param>
    /// <param name="line">A level that is drawn across, and its name; null: none.</param>
    /// <exception cref="ArgumentException">The lists do not fit each other.</exception>
    public static Picture Draw(string title, IReadOnlyList<string> groups, IReadOnlyList<string> series, IReadOnlyList<IReadOnlyList<ChartBar>> bars, (string Name, double Value)? line = null)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(series);
        ArgumentNullException.ThrowIfNull(bars);
        if (series.Count is 0 or > 4 || bars.Count != groups.Count || bars.Any(group => group.Count != series.Count)) throw new ArgumentException("a chart needs one bar for each group and series, and one to four series");
        var pixels = new byte[Width * Height * 3];
        pixels.AsSpan().Fill(255);
        var picture = new Picture(Width, Height, pixels);
        var painter = new Painter(picture);
        var most = bars.SelectMany(group => group).Select(bar => Math.Max(bar.Value, bar.High)).Append(line?.Value ?? 0).Max();
        var end = Math.Clamp(Math.Ceiling((most + 0.02) * 10) / 10, 0.1, 1);
        int Y(double value) => Height - Bottom - (int)Math.Round(Math.Clamp(value / end, 0, 1) * (Height - Bottom - Top));
        painter.Text(title, Left, 24, 13, s_ink);
        for (var tick = 0.0; tick <= end + 1e-9; tick += 0.1)
        {
            painter.Fill(new PixelRectangle(Left, Y(tick), Width - Right, Y(tick) + 1), s_grid);
            Written(painter, tick.ToString("0.0", CultureInfo.InvariantCulture), Left - 10, Y(tick) + 5, end: true);
        }

        var room = (Width - Left - Right) / (double)groups.Count;
        var thick = (int)Math.Min(room * 0.7 / series.Count, WidestBar);
        for (var g = 0; g < groups.Count; g++)
        {
            for (var s = 0; s < series.Count; s++)
            {
                var bar = bars[g][s];
                var x = (int)(Left + (room * (g + 0.5)) - (thick * series.Count / 2.0)) + (s * thick);
                painter.Fill(new PixelRectangle(x + 2, Y(bar.Value), x + thick - 2, Y(0)), s_colors[s]);
                var middle = x + (thick / 2);
                painter.Fill(new PixelRectangle(middle - 1, Y(bar.High), middle + 1, Y(bar.Low)), s_ink);
                foreach (var cap in (ReadOnlySpan<double>)[bar.Low, bar.High]) painter.Fill(new PixelRectangle(middle - 6, Y(cap), middle + 6, Y(cap) + 2), s_ink);
            }

            var name = groups[g];
            Written(painter, name, Left + (room * (g + 0.5)) + (Painter.TextWidth(name, Letters) / 2), Height - Bottom + 24, end: true);
        }

        if (line is { } level)
        {
            for (var x = Left; x < Width - Right; x += 12) painter.Fill(new PixelRectangle(x, Y(level.Value), x + 7, Y(level.Value) + 2), s_ink, 0.7);
        }

        var at = (double)Left;
        for (var s = 0; s < series.Count; s++)
        {
            painter.Fill(new PixelRectangle((int)at, 36, (int)at + 12, 48), s_colors[s]);
            Written(painter, series[s], at + 18, 47, end: false);
            at += Painter.TextWidth(series[s], Letters) + 46;
        }

        if (line is { } named) Written(painter, $"- - {named.Name}", at, 47, end: false);
        return picture;
    }

    private static void Written(Painter painter, string text, double x, double baseline, bool end) =>
        painter.Text(text, end ? x - Painter.TextWidth(text, Letters) : x, baseline, Letters, s_ink);
}
