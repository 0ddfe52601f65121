using System.Globalization;
using System.Text;
using System.Text.Json;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Text.Answers;
using Sightline.Training.Data;

namespace Sightline.Training.Reporting;

/// <summary>
/// The groups of a <see cref="RolloutLog"/> as one HTML file that needs nothing else: the picture with the boxes of every answer (dashed: the solution's), what was
/// thought and answered, each reward, and the advantage.
/// </summary>
internal static class RolloutViewer
{
    private const int MostGroups = 200;
    private const int LargestSide = 480;
    private const string Style = """
        :root { color-scheme: light dark; --line: #8884; }
        body { font: 15px/1.45 system-ui, sans-serif; max-width: 1320px; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.05rem; margin-top: 2.2rem; }
        section > div { display: grid; grid-template-columns: minmax(220px, 30%) minmax(0, 1fr); gap: 1rem; align-items: start; } .scroll { overflow-x: auto; }
        @media (max-width: 800px) { section > div { grid-template-columns: minmax(0, 1fr); } }
        figure { margin: 0; } figcaption { font-size: 0.85rem; overflow-wrap: anywhere; }
        figure div { position: relative; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; min-height: 3rem; }
        figure img { width: 100%; display: block; } figure div svg { position: absolute; inset: 0; width: 100%; height: 100%; }
        rect { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; } rect.t { stroke: #fff; stroke-dasharray: 5 4; mix-blend-mode: difference; }
        table { border-collapse: collapse; width: 100%; } td, th { padding: 0.2rem 0.35rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; font-size: 0.9rem; }
        td:nth-child(2), th:nth-child(2) { text-align: left; width: 100%; min-width: 16rem; } th { vertical-align: bottom; } .dash { border: 2px dashed; padding: 0 0.5rem; } pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font-size: 0.85rem; }
        details { opacity: 0.8; } .best { font-weight: 600; }
        rect.c0 { stroke: #2f7ed8; } rect.c1 { stroke: #d9534f; } rect.c2 { stroke: #3fa34d; } rect.c3 { stroke: #b8860b; } rect.c4 { stroke: #8e5bd0; } rect.c5 { stroke: #149ba5; } rect.c6 { stroke: #e377c2; } rect.c7 { stroke: #7f7f7f; }
        b.c0 { color: #2f7ed8; } b.c1 { color: #d9534f; } b.c2 { color: #3fa34d; } b.c3 { color: #b8860b; } b.c4 { color: #8e5bd0; } b.c5 { color: #149ba5; } b.c6 { color: #e377c2; } b.c7 { color: #7f7f7f; }
        """;

    private const string Legend = """
        <p>Boxes have the colours of the answers' numbers; <span class="dash">dashed</span> ones are the truth. Bold: the answers with the largest reward of their group, where rewards differ.
        "(cut)": as long as an answer may be. "–": the rule has no opinion. The advantage is what an answer is learned with: more of it above zero, less below.</p>
        """;

    /// <summary>Writes the page; the file is whole or not there.</summary>
    /// <param name="path">The page.</param>
    /// <param name="title">Name of the run.</param>
    /// <param name="log">The file of a <see cref="RolloutLog"/>; of many groups the last ones are shown.</param>
    /// <param name="find">A problem by its source's name and its id; null where it is gone.</param>
    public static void Write(string path, string title, string log, Func<string, string, Problem?> find)
    {
        string[] lines = File.Exists(log) ? [.. File.ReadLines(log).TakeLast(MostGroups)] : [];
        var html = new StringBuilder();
        html.Append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>")
            .Append(Html.Escape(title)).Append("</title><style>").Append(Style).Append("</style></head><body><h1>Answers of the run ").Append(Html.Escape(title)).Append("</h1>");
        html.Append(lines.Length == 0 ? "<p>No group was kept (show_every).</p>" : Legend);
        var pictures = new Dictionary<(string, string), (Problem?, string?)>();
        foreach (var line in lines)
        {
            using var json = JsonDocument.Parse(line);
            var group = json.RootElement;
            var key = (Text(group, "source"), Text(group, "id"));
            if (!pictures.TryGetValue(key, out var shown))
            {
                var problem = find(key.Item1, key.Item2);
                pictures[key] = shown = (problem, Encode(problem));
            }

            Append(html, group, shown.Item1, shown.Item2);
        }

        AtomicFile.WriteText(path, html.Append("</body></html>\n").ToString());
    }

    private static void Append(StringBuilder html, JsonElement group, Problem? problem, string? picture)
    {
        var answers = group.GetProperty("answers").EnumerateArray().ToList();
        html.Append(CultureInfo.InvariantCulture, $"<section><h2>Stage {group.GetProperty("stage").GetInt32() + 1}, step {group.GetProperty("step")}: {Html.Escape(Text(group, "source"))}/{Html.Escape(Text(group, "id"))}</h2><p>{Html.Escape(Text(group, "prompt"))}</p><div><figure><div>");
        if (picture is not null) html.Append("<img alt=\"\" src=\"data:image/jpeg;base64,").Append(picture).Append("\">");
        if (group.TryGetProperty("frame", out var extents))
        {
            var frame = CoordinateFrame.Pixels((int)extents[0].GetDouble(), (int)extents[1].GetDouble());
            html.Append("<svg viewBox=\"0 0 1 1\" preserveAspectRatio=\"none\">");
            for (var i = 0; i < answers.Count; i++) AppendBoxes(html, Text(answers[i], "text"), frame, $"c{i % 8}", i + 1);
            AppendTruth(html, group, problem, frame);
            html.Append("</svg>");
        }

        html.Append("</div>");
        if (group.TryGetProperty("solution", out var truth)) html.Append("<figcaption>Truth: ").Append(Html.Escape(truth.GetString()!)).Append("</figcaption>");
        html.Append("</figure><div class=\"scroll\"><table><tr><th></th><th>answer</th><th>tokens</th>").Append(Headings([.. answers[0].GetProperty("scores").EnumerateObject().Select(score => score.Name)]));
        html.Append("<th>reward</th><th>advan\u00ADtage</th></tr>");
        var rewards = answers.ConvertAll(answer => answer.GetProperty("reward").GetDouble());
        for (var i = 0; i < answers.Count; i++) AppendAnswer(html, answers[i], i, rewards[i] == rewards.Max() && rewards.Min() < rewards.Max());
        html.Append("</table></div></div></section>");
    }

    /// <summary>Names of rewards without what stands before the slash, where the rest tells them apart; the whole name on pointing. They may break after an underscore.</summary>
    private static string Headings(IReadOnlyList<string> names)
    {
        var parts = names.Select(name => name[(name.LastIndexOf('/') + 1)..]).ToList();
        var areDistinct = parts.Distinct().Count() == parts.Count;
        return string.Concat(names.Zip(parts, (name, part) => $"<th title=\"{Html.Escape(name)}\">{Html.Escape(areDistinct ? part : name).Replace("_", "_<wbr>", StringComparison.Ordinal).Replace("/", "/<wbr>", StringComparison.Ordinal)}</th>"));
    }

    /// <summary>The boxes of the solution; where the log has none, those that the problem states.</summary>
    private static void AppendTruth(StringBuilder html, JsonElement group, Problem? problem, CoordinateFrame frame)
    {
        if (group.TryGetProperty("solution", out var solution)) AppendBoxes(html, solution.GetString()!, frame, "t", 0);
        else foreach (var found in problem?.Boxes ?? []) AppendBox(html, found.Box.Frame.IsUnspecified ? found.Box with { Frame = frame } : found.Box, "t", 0);
    }

    private static void AppendAnswer(StringBuilder html, JsonElement answer, int index, bool isBest)
    {
        var text = Text(answer, "text");
        var thinking = AnswerParser.Parse(text, AnswerKind.Label, default).Thinking;
        var reward = answer.GetProperty("reward").GetDouble();
        html.Append(CultureInfo.InvariantCulture, $"<tr{(isBest ? " class=\"best\"" : "")}><td><b class=\"c{index % 8}\">{index + 1}</b></td><td>");
        if (!string.IsNullOrWhiteSpace(thinking)) html.Append("<details><summary>thinking</summary><pre>").Append(Html.Escape(thinking.Trim())).Append("</pre></details>");
        html.Append("<pre>").Append(Html.Escape(text)).Append("</pre></td>");
        html.Append(CultureInfo.InvariantCulture, $"<td>{answer.GetProperty("tokens")}{(answer.TryGetProperty("cut", out _) ? " (cut)" : "")}</td>");
        foreach (var score in answer.GetProperty("scores").EnumerateObject()) html.Append("<td>").Append(score.Value.ValueKind == JsonValueKind.Number ? Figure(score.Value.GetDouble()) : "–").Append("</td>");
        html.Append(CultureInfo.InvariantCulture, $"<td>{Figure(reward)}</td><td>{Figure(answer.GetProperty("advantage").GetDouble())}</td></tr>");
    }

    private static void AppendBoxes(StringBuilder html, string text, CoordinateFrame frame, string style, int number)
    {
        var read = AnswerParser.Parse(text, AnswerKind.Boxes, frame);
        if (!read.IsUsable) return;
        foreach (var found in read.Boxes) AppendBox(html, found.Box, style, number);
    }

    private static void AppendBox(StringBuilder html, Box found, string style, int number)
    {
        var box = found.To(CoordinateFrame.Unit).Clip();
        html.Append(CultureInfo.InvariantCulture, $"<rect class=\"{style}\" x=\"{box.X1:0.####}\" y=\"{box.Y1:0.####}\" width=\"{Math.Max(0, box.Width):0.####}\" height=\"{Math.Max(0, box.Height):0.####}\"><title>{(number == 0 ? "solution" : $"answer {number}")}</title></rect>");
    }

    /// <summary>The first picture as base64 of a JPEG; null without one, or without the library that encodes.</summary>
    private static string? Encode(Problem? problem)
    {
        if (problem is null || problem.Pictures.Count == 0) return null;
        try
        {
            var picture = problem.Pictures[0].Load();
            var scale = (double)LargestSide / Math.Max(picture.Width, picture.Height);
            if (scale < 1) picture = picture.ResizeTo(Math.Max(1, (int)(picture.Width * scale)), Math.Max(1, (int)(picture.Height * scale)), ResizeFilter.Bilinear);
            return Convert.ToBase64String(picture.Encode(PictureFormat.Jpeg, 80));
        }
        catch (SightlineException error) when (error.Kind is ErrorKind.MissingLibrary or ErrorKind.NotFound or ErrorKind.BadPicture)
        {
            return null;
        }
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static string Figure(double value) => (Math.Round(value, 3) + 0.0).ToString("0.###", CultureInfo.InvariantCulture); // adding zero: no "-0"
}
