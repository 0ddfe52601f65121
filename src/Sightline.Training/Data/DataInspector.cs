using System.Globalization;
using System.Net;
using System.Text;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>Counts what is in a data set, and shows samples with their boxes on one page.</summary>
public static class DataInspector
{
    // distinguishable for most people with colour blindness (Okabe and Ito, 2008), light ones left out
    private static readonly string[] Colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a4fbf", "#8c564b", "#444444"];

    /// <summary>The data set in numbers; reads no picture.</summary>
    public static DataSummary Inspect(DataSet data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var absent = data.Samples.SelectMany(s => s.AbsentLabels ?? []).CountBy(label => label).ToDictionary(StringComparer.Ordinal);
        var classes = data.Samples.SelectMany(s => s.Objects.Select(o => (o.Label, Sample: s, o.Box))).GroupBy(o => o.Label)
            .Select(g => new ClassSummary(g.Key, g.Count(), g.Select(o => o.Sample).Distinct(ReferenceEqualityComparer.Instance).Count(), Median(g.Select(o => Share(o.Box)))))
            .Select(c => c with { Absent = absent.GetValueOrDefault(c.Label) }).OrderByDescending(c => c.Boxes).ThenBy(c => c.Label, StringComparer.Ordinal).ToList();
        var labels = data.Samples.Where(s => s.Label is not null).CountBy(s => s.Label!).ToDictionary(StringComparer.Ordinal);
        classes.AddRange(data.Classes.Where(c => classes.All(k => k.Label != c)).Select(c => new ClassSummary(c, 0, labels.GetValueOrDefault(c), 0, absent.GetValueOrDefault(c))));
        return new DataSummary
        {
            Name = data.Name,
            Format = data.Format,
            Pictures = data.Samples.Count,
            MissingPictures = data.Samples.Count(s => s.PictureBytes is null && data.ResolvePicture(s) is null),
            Boxes = data.Samples.Sum(s => s.Objects.Count),
            Phrases = data.Samples.Sum(s => s.Phrases.Count),
            PhrasesWithoutBoxes = data.Samples.Sum(s => s.Phrases.Count(p => p.IsGrounded && p.Boxes.Count == 0)),
            EmptyPictures = data.Samples.Count(s => s.Objects.Count == 0 && s.Phrases.All(p => p.Boxes.Count == 0)),
            Problems = data.Problems?.Count ?? 0,
            ProblemsWithoutBoxes = data.Problems?.Count(problem => problem.Boxes is { Count: 0 }) ?? 0,
            Classes = classes,
            Splits = [.. data.Samples.GroupBy(s => s.Split ?? "(none)").Select(g => (g.Key, g.Count()))],
            Sizes = [.. data.Samples.GroupBy(s => (s.Width, s.Height)).OrderByDescending(g => g.Count()).Select(g => (g.Key.Width, g.Key.Height, g.Count()))],
            Notes = data.Notes,
        };
    }

    /// <summary>
    /// Writes one self-contained HTML page: the numbers, and up to <paramref name="count"/> samples spread evenly over the
    /// set, pictures embedded, boxes drawn with their labels; phrases, what is known not to be there, prompts and solutions listed. It loads nothing from elsewhere.
    /// </summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void WriteHtml(DataSet data, string path, int count = 24)
    {
        ArgumentNullException.ThrowIfNull(data);
        var summary = Inspect(data);
        var chosen = Enumerable.Range(0, Math.Min(count, data.Samples.Count)).Select(i => data.Samples[(int)((long)i * data.Samples.Count / Math.Min(count, data.Samples.Count))]).ToArray();
        var colorOf = summary.Classes.Select((c, i) => (c.Label, Colors[i % Colors.Length])).ToDictionary(p => p.Label, p => p.Item2, StringComparer.Ordinal);
        AtomicFile.Write(path, stream =>
        {
            using var html = new StreamWriter(stream, DataFile.Utf8, leaveOpen: true);
            html.Write(Head(summary.Name));
            html.Write(Tables(summary, colorOf));
            html.Write("<h2>Samples</h2><div class=\"samples\">");
            var figure = new SampleFigure(data, colorOf, Colors);
            foreach (var sample in chosen) html.Write(figure.Draw(sample));
            html.Write("</div></body></html>\n");
        });
    }

    private static string Head(string name) => $$"""
        <!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{Encode(name)}}</title><style>
        :root{color-scheme:light dark}body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem}h1{margin:0 0 .3rem}table{border-collapse:collapse;margin:.6rem 2rem 1rem 0;display:inline-table;vertical-align:top}
        td,th{padding:.15rem .7rem .15rem 0;text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));gap:1.2rem}
        figure{margin:0}figure svg{width:100%;height:auto;background:#8883;display:block}figcaption p{margin:.2rem 0 0}figcaption{font-size:13px;overflow-wrap:anywhere}figcaption ol{margin:.2rem 0 0;padding-left:1.6rem}
        .swatch{display:inline-block;width:.8em;height:.8em;margin-right:.4em}.none{color:#d04a4a}
        .problem{border-left:3px solid #8886;margin:.4rem 0 0;padding-left:.6rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font:inherit}</style></head><body><h1>{{Encode(name)}}</h1>
        """;

    private static string Tables(DataSummary s, Dictionary<string, string> colorOf)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"<p>{Encode(DataConverter.Name(s.Format))} &middot; {s.Pictures} pictures ({s.MissingPictures} missing, {s.EmptyPictures} without boxes) &middot; {s.Boxes} boxes &middot; {s.Phrases} phrases ({s.PhrasesWithoutBoxes} that match nothing){(s.Problems > 0 ? $" &middot; {s.Problems} problems ({s.ProblemsWithoutBoxes} about what is not there)" : "")}</p>");
        foreach (var note in s.Notes) text.Append(CultureInfo.InvariantCulture, $"<p>{Encode(note)}</p>");
        text.Append("<table><tr><th>class</th><th>boxes</th><th>pictures</th><th>median size</th>").Append(s.Classes.Any(c => c.Absent > 0) ? "<th>not in (pictures)</th></tr>" : "</tr>");
        foreach (var c in s.Classes.Take(100))
            text.Append(CultureInfo.InvariantCulture, $"<tr><td><span class=\"swatch\" style=\"background:{colorOf[c.Label]}\"></span>{Encode(c.Label)}</td><td class=n>{c.Boxes}</td><td class=n>{c.Pictures}</td><td class=n>{c.MedianArea:P1}</td>{(s.Classes.Any(k => k.Absent > 0) ? $"<td class=n>{c.Absent}</td>" : "")}</tr>");
        text.Append("</table><table><tr><th>split</th><th>pictures</th></tr>");
        foreach (var (split, pictures) in s.Splits) text.Append(CultureInfo.InvariantCulture, $"<tr><td>{Encode(split)}</td><td class=n>{pictures}</td></tr>");
        text.Append("</table><table><tr><th>size</th><th>pictures</th></tr>");
        foreach (var (width, height, pictures) in s.Sizes.Take(8)) text.Append(CultureInfo.InvariantCulture, $"<tr><td>{(width > 0 ? $"{width} &times; {height}" : "not stated")}</td><td class=n>{pictures}</td></tr>");
        return text.Append("</table>").ToString();
    }

    private static double Share(Box box) => box.Frame.IsUnspecified ? 0 : box.To(CoordinateFrame.Unit).Area;

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? 0 : sorted[sorted.Length / 2];
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
