using System.Globalization;
using System.Text;

namespace Sightline.Training.Reporting;

/// <summary>A line chart as SVG text, readable in light and dark.</summary>
internal static class CurveChart
{
    private const int SmallWidth = 420;
    private const int LargeWidth = 640;
    private const int SmallHeight = 200;
    private const int LargeHeight = 240;
    private const int LeastLeft = 52;
    private const double Letter = 6.6; // width of a digit at 11 px in common fonts, rounded up
    private const int Bottom = 26;
    private const int Most = 300;
    private const int MostDots = 12;

    /// <summary>One or more curves over steps; values that are not finite are left out, long curves are averaged in runs, points of short ones have dots.</summary>
    /// <param name="title">What is drawn.</param>
    /// <param name="curves">Points by name; the names stand below where there are several.</param>
    /// <param name="unit">Of the values; empty for none.</param>
    /// <param name="isLarge">Half as wide again, and higher.</param>
    public static string Draw(string title, IReadOnlyList<(string Name, IReadOnlyList<(double X, double Y)> Points)> curves, string unit = "", bool isLarge = false)
    {
        var (width, height) = isLarge ? (LargeWidth, LargeHeight) : (SmallWidth, SmallHeight);
        var all = curves.SelectMany(curve => curve.Points).Where(point => double.IsFinite(point.Y)).ToList();
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<figure><svg viewBox=\"0 0 {width} {height}\" role=\"img\"><title>{Html.Escape(title)}</title>");
        if (all.Count > 0)
        {
            var (x0, x1) = (all.Min(point => point.X), all.Max(point => point.X));
            var axis = ValueAxis.Of(all.Min(point => point.Y), all.Max(point => point.Y));
            var left = Math.Max(LeastLeft, (int)Math.Ceiling(axis.Labels.Max(label => label.Length) * Letter) + 8);
            double X(double x) => x1 > x0 ? left + ((x - x0) / (x1 - x0) * (width - left - 10)) : (left + width - 10) / 2.0;
            double Y(double y) => 12 + ((axis.High - y) / (axis.High - axis.Low) * (height - Bottom - 12));
            for (var i = 0; i < axis.Values.Count; i++)
            {
                var y = Y(axis.Values[i]);
                svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{left}\" x2=\"{width - 10}\" y1=\"{y:0.#}\" y2=\"{y:0.#}\"/><text x=\"{left - 6}\" y=\"{y + 4:0.#}\" text-anchor=\"end\">{axis.Labels[i]}</text>");
            }

            if (x1 > x0) svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left}\" y=\"{height - 6}\">{x0:0}</text><text x=\"{width - 10}\" y=\"{height - 6}\" text-anchor=\"end\">step {x1:0}</text>");
            else svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(x0):0.#}\" y=\"{height - 6}\" text-anchor=\"middle\">step {x0:0}</text>");
            for (var c = 0; c < curves.Count; c++) AppendCurve(svg, c % 6, [.. curves[c].Points.Where(point => double.IsFinite(point.Y)).Select(point => (X(point.X), Y(point.Y)))]);
        }

        svg.Append("</svg><figcaption>").Append(Html.Escape(title));
        if (unit.Length > 0) svg.Append(" <small>").Append(Html.Escape(unit)).Append("</small>");
        if (curves.Count > 1)
        {
            for (var c = 0; c < curves.Count; c++) svg.Append(CultureInfo.InvariantCulture, $" <span class=\"c{c % 6}\">■ {Html.Escape(curves[c].Name)}</span>");
        }

        return svg.Append("</figcaption></figure>").ToString();
    }

    private static void AppendCurve(StringBuilder svg, int color, List<(double X, double Y)> points)
    {
        if (points.Count > 1)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"c{color}\" points=\"");
            foreach (var (x, y) in Thin(points)) svg.Append(CultureInfo.InvariantCulture, $"{x:0.#},{y:0.#} ");
            svg.Append("\"/>");
        }

        if (points.Count > MostDots) return;
        foreach (var (x, y) in points) svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"c{color}\" cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"2.6\"/>");
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
