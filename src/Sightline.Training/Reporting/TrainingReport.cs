using System.Globalization;
using System.Text;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reporting;

/// <summary>One validation picture with what the model said about it, encoded as JPEG.</summary>
/// <param name="Name">The sample.</param>
/// <param name="Phrases">What was asked.</param>
/// <param name="Jpeg">The picture with boxes.</param>
public sealed record ReportPicture(string Name, string Phrases, byte[] Jpeg);

/// <summary>The run as one HTML file: curves, figures, pictures. Needs nothing from outside the file.</summary>
public static class TrainingReport
{
    private const string Style = """
        :root { color-scheme: light dark; --line: #8884; }
        body { font: 15px/1.45 system-ui, sans-serif; max-width: 1320px; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
        .row { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(360px, 100%), 1fr)); gap: 1rem; margin-bottom: 1rem; } .large { grid-template-columns: repeat(auto-fill, minmax(min(560px, 100%), 1fr)); }
        figure { margin: 0; } figcaption { font-size: 0.85rem; opacity: 0.85; }
        svg { width: 100%; border: 1px solid var(--line); border-radius: 6px; } svg text { font-size: 11px; fill: currentColor; }
        .grid { stroke: var(--line); } polyline { fill: none; stroke-width: 1.6; } summary { cursor: pointer; margin-bottom: 0.6rem; }
        img { width: 100%; border-radius: 6px; } table { border-collapse: collapse; } td, th { padding: 0.2rem 0.8rem; border-bottom: 1px solid var(--line); text-align: right; }
        th:first-child, td:first-child { text-align: left; } pre { overflow-x: auto; border: 1px solid var(--line); padding: 0.8rem; border-radius: 6px; }
        polyline.c0 { stroke: #2f7ed8; } polyline.c1 { stroke: #d9534f; } polyline.c2 { stroke: #3fa34d; } polyline.c3 { stroke: #b8860b; } polyline.c4 { stroke: #8e5bd0; } polyline.c5 { stroke: #149ba5; }
        circle.c0 { fill: #2f7ed8; } circle.c1 { fill: #d9534f; } circle.c2 { fill: #3fa34d; } circle.c3 { fill: #b8860b; } circle.c4 { fill: #8e5bd0; } circle.c5 { fill: #149ba5; }
        span.c0 { color: #2f7ed8; } span.c1 { color: #d9534f; } span.c2 { color: #3fa34d; } span.c3 { color: #b8860b; } span.c4 { color: #8e5bd0; } span.c5 { color: #149ba5; }
        """;

    /// <summary>Writes the report; the file is whole or not there.</summary>
    public static void Write(string path, RunRecipe recipe, IReadOnlyList<LogLine> lines, IReadOnlyList<IMeasurement> scores, IReadOnlyList<ReportPicture> pictures)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        var html = new StringBuilder();
        html.Append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>")
            .Append(Html.Escape(recipe.Name)).Append("</title><style>").Append(Style).Append("</style></head><body><h1>Training run: ").Append(Html.Escape(recipe.Name)).Append("</h1>");
        if (scores.Count > 0 && scores.All(score => score is GroundingScore)) AppendScores(html, [.. scores.Cast<GroundingScore>()]);
        else AppendMeasurements(html, scores);
        var course = recipe.Course();
        for (var stage = 0; stage < course.Count; stage++)
        {
            var own = lines.Where(line => line.Stage == stage).ToList();
            if (own.Count == 0) continue;
            html.Append(CultureInfo.InvariantCulture, $"<h2>Stage {stage + 1}: {course[stage].Kind}</h2>");
            AppendCurves(html, own);
        }

        if (pictures.Count > 0)
        {
            html.Append("<h2>Validation pictures</h2><p>Solid boxes are the model's, with its score; dashed ones are the labels.</p><div class=\"row\">");
            foreach (var picture in pictures)
            {
                html.Append("<figure><img alt=\"\" src=\"data:image/jpeg;base64,").Append(Convert.ToBase64String(picture.Jpeg)).Append("\"><figcaption>")
                    .Append(Html.Escape(picture.Phrases)).Append(" <small>(").Append(Html.Escape(picture.Name)).Append(")</small></figcaption></figure>");
            }

            html.Append("</div>");
        }

        html.Append("<h2>Recipe</h2><pre>").Append(Html.Escape(recipe.ToJson())).Append("</pre></body></html>\n");
        AtomicFile.WriteText(path, html.ToString());
    }

    private static void AppendScores(StringBuilder html, IReadOnlyList<GroundingScore> scores)
    {
        html.Append("<h2>Last measurement</h2><table><tr><th>source</th><th>AP</th><th>AP50</th><th>accuracy at IoU 0.5</th><th>of these, relational</th><th>expressions</th><th>presence MCC</th></tr>");
        foreach (var score in scores)
        {
            html.Append(CultureInfo.InvariantCulture, $"<tr><td>{Html.Escape(score.Source)}</td><td>{Figure(score.Detection?.Stats[0])}</td><td>{Figure(score.Detection?.Stats[1])}</td><td>{Figure(score.Accuracy)}</td><td>{Figure(score.RelationalAccuracy)}</td><td>{score.Expressions}</td><td>{Figure(score.PresenceMcc)}</td></tr>");
        }

        html.Append("</table>");
    }

    private static void AppendMeasurements(StringBuilder html, IReadOnlyList<IMeasurement> scores)
    {
        if (scores.Count == 0) return;
        var names = scores.SelectMany(score => score.Values.Keys).Distinct().ToList();
        html.Append("<h2>Last measurement</h2><table><tr><th>source</th>").Append(string.Concat(names.Select(name => $"<th>{Html.Escape(name)}</th>"))).Append("</tr>");
        foreach (var score in scores)
            html.Append("<tr><td>").Append(Html.Escape(score.Source)).Append("</td>").Append(string.Concat(names.Select(name => $"<td>{Figure(score.Values.TryGetValue(name, out var value) ? value : null)}</td>"))).Append("</tr>");
        html.Append("</table>");
    }

    private static void AppendCurves(StringBuilder html, List<LogLine> lines)
    {
        var charts = Charts(lines).OrderBy(chart => FigureOrder.Rank(chart.Name, chart.IsMeasured)).ThenBy(chart => chart.IsMeasured).ToList(); // stable: else as logged
        var zero = charts.Where(chart => FigureOrder.Rank(chart.Name, chart.IsMeasured) >= FigureOrder.Details && chart.Curves.All(curve => curve.Points.All(point => point.Y == 0 || !double.IsFinite(point.Y)))).ToList();
        var shown = charts.Except(zero).ToLookup(chart => FigureOrder.Rank(chart.Name, chart.IsMeasured) < FigureOrder.Details);
        AppendRow(html, "row large", shown[true]);
        AppendRow(html, "row", shown[false]);
        if (zero.Count == 0) return;
        html.Append("<details><summary>Always zero: ").Append(Html.Escape(string.Join(", ", zero.Select(chart => chart.Title)))).Append("</summary>");
        AppendRow(html, "row", zero);
        html.Append("</details>");
    }

    private static void AppendRow(StringBuilder html, string style, IEnumerable<Chart> charts)
    {
        var drawn = string.Concat(charts.Select(chart => CurveChart.Draw(chart.Title, chart.Curves, FigureOrder.Unit(chart.Name), style != "row")));
        if (drawn.Length > 0) html.Append("<div class=\"").Append(style).Append("\">").Append(drawn).Append("</div>");
    }

    private static IEnumerable<Chart> Charts(List<LogLine> lines)
    {
        var train = lines.Where(line => line.Group == "train").ToList();
        foreach (var name in train.SelectMany(line => line.Values.Keys).Distinct()) yield return new Chart(name, name, false, [(name, Points(train, name))]);
        var measured = lines.Where(line => line.Group != "train").GroupBy(line => line.Group).ToList();
        foreach (var name in measured.SelectMany(group => group).SelectMany(line => line.Values.Keys).Distinct())
        {
            var curves = measured.Select(group => (group.Key, Points([.. group], name))).Where(curve => curve.Item2.Any(point => double.IsFinite(point.Y))).ToList();
            if (curves.Count > 0) yield return new Chart(name, $"validation {name}", true, curves);
        }
    }

    private static IReadOnlyList<(double X, double Y)> Points(List<LogLine> lines, string name) =>
        [.. lines.Where(line => line.Values.ContainsKey(name)).Select(line => ((double)line.Step, line.Values[name]))];

    private static string Figure(double? value) => value is { } v && double.IsFinite(v) ? v.ToString("0.000", CultureInfo.InvariantCulture) : "–";

    private sealed record Chart(string Name, string Title, bool IsMeasured, IReadOnlyList<(string Name, IReadOnlyList<(double X, double Y)> Points)> Curves);
}
