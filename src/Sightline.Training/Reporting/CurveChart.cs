using System.Globalization;
using System.Text;

namespace Sightline.Training.Reporting;

/// <summary>A line chart as SVG text, readable in light and dark.</summary>
internal static class CurveChart
{
    private const int Width = 420;
    private const int Height = 200;
    private const int LeastLeft = 52;
    private const double Letter = 6.6; // width of a digit at 11 px in common fonts, rounded up
    private const int Bottom = 26;
    private const int Most = 300;

    /// <summary>One or more curves over steps; values that are not finite are left out, long curves are averaged in runs.</summary>
    public static string Draw(string title, IReadOnlyList<(string Name, IReadOnlyList<(double X, double Y)> Points)> curves)
    {
        var all = curves.SelectMany(curve => curve.Points).Where(point => double.IsFinite(point.Y)).ToList();
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<figure><svg viewBox=\"0 0 {Width} {Height}\" role=\"img\"><title>{Html.Escape(title)}</title>");
        if (all.Count > 0)
        {
            var (x0, x1) = (all.Min(point => point.X), Math.Max(all.Max(point => point.X), all.Min(point => point.X) + 1));
            var (y0, y1) = (all.Min(point => point.Y), all.Max(point => point.Y));
            if (y1 - y0 < 1e-9) (y0, y1) = (y0 - 0.5, y1 + 0.5);
            var labels = Enumerable.Range(0, 5).Select(i => Label(y0 + ((y1 - y0) * i / 4), y1 - y0)).ToArray();
            var left = Math.Max(LeastLeft, (int)Math.Ceiling(labels.Max(label => label.Length) * Letter) + 8);
            double X(double x) => left + ((x - x0) / (x1 - x0) * (Width - left - 10));
            double Y(double y) => 12 + ((y1 - y) / (y1 - y0) * (Height - Bottom - 12));
            for (var i = 0; i <= 4; i++)
            {
                var value = y0 + ((y1 - y0) * i / 4);
                svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{left}\" x2=\"{Width - 10}\" y1=\"{Y(value):0.#}\" y2=\"{Y(value):0.#}\"/><text x=\"{left - 6}\" y=\"{Y(value) + 4:0.#}\" text-anchor=\"end\">{labels[i]}</text>");
            }

            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left}\" y=\"{Height - 6}\">{x0:0}</text><text x=\"{Width - 10}\" y=\"{Height - 6}\" text-anchor=\"end\">step {x1:0}</text>");
            for (var c = 0; c < curves.Count; c++)
            {
                var points = Thin(curves[c].Points.Where(point => double.IsFinite(point.Y)).ToList());
                svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"c{c % 6}\" points=\"");
                foreach (var (x, y) in points) svg.Append(CultureInfo.InvariantCulture, $"{X(x):0.#},{Y(y):0.#} ");
                svg.Append("\"/>");
            }
        }

        svg.Append("</svg><figcaption>").Append(Html.Escape(title));
        if (curves.Count > 1)
        {
            for (var c = 0; c < curves.Count; c++) svg.Append(CultureInfo.InvariantCulture, $" <span class=\"c{c % 6}\">■ {Html.Escape(curves[c].Name)}</span>");
        }

        return svg.Append("</figcaption></figure>").ToString();
    }

    /// <summary>Enough digits to tell the lines of the grid apart.</summary>
    private static string Label(double value, double range)
    {
        var digits = Math.Clamp(2 - (int)Math.Floor(Math.Log10(range / 4)), 0, 12);
        var rounded = Math.Round(value, digits);
        return (Math.Abs(rounded) >= 1e-4 || rounded == 0 ? rounded.ToString($"0.{new string('#', Math.Max(digits - 1, 0))}", CultureInfo.InvariantCulture) : rounded.ToString("0.#e0", CultureInfo.InvariantCulture)).Replace("-", "\u2212", StringComparison.Ordinal);
    }

    private static List<(double X, double Y)> Thin(List<(double X, double Y)> points)
    {
        if (points.Count <= Most) return points;
        var thinned = new List<(double X, double Y)>(Most);
        for (var i = 0; i < Most; i++)
        {
            var from = (int)((long)i * points.Count / Most);
            var to = (int)((long)(i + 1) * points.Count / Most);
            var run = points.GetRange(from, Math.Max(to - from, 1));
            thinned.Add((run[^1].X, run.Average(point => point.Y)));
        }

        return thinned;
    }
}

/// <summary>Text in HTML.</summary>
internal static class Html
{
    public static string Escape(string text) => System.Net.WebUtility.HtmlEncode(text);
}
