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
        var classes = data.Samples.SelectMany(s => s.Objects.Select(o => (o.Label, Sample: s, o.Box))).GroupBy(o => o.Label)
            .Select(g => new ClassSummary(g.Key, g.Count(), g.Select(o => o.Sample).Distinct(ReferenceEqualityComparer.Instance).Count(), Median(g.Select(o => Share(o.Box)))))
            .OrderByDescending(c => c.Boxes).ThenBy(c => c.Label, StringComparer.Ordinal).ToList();
        var labels = data.Samples.Where(s => s.Label is not null).CountBy(s => s.Label!).ToDictionary(StringComparer.Ordinal);
        classes.AddRange(data.Classes.Where(c => classes.All(k => k.Label != c)).Select(c => new ClassSummary(c, 0, labels.GetValueOrDefault(c), 0)));
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
            Classes = classes,
            Splits = [.. data.Samples.GroupBy(s => s.Split ?? "(none)").Select(g => (g.Key, g.Count()))],
            Sizes = [.. data.Samples.GroupBy(s => (s.Width, s.Height)).OrderByDescending(g => g.Count()).Select(g => (g.Key.Width, g.Key.Height, g.Count()))],
            Notes = data.Notes,
        };
    }

    /// <summary>
    /// Writes one self-contained HTML page: the numbers, and up to <paramref name="count"/> samples spread evenly over the
    /// set, pictures embedded, boxes drawn with their labels, phrases listed. It loads nothing from elsewhere.
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
            foreach (var sample in chosen) html.Write(Figure(data, sample, colorOf));
            html.Write("</div></body></html>\n");
        });
    }

    private static string Head(string name) => $$"""
        <!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{Encode(name)}}</title><style>
        body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;color:#222;background:#fff}h1{margin:0 0 .3rem}table{border-collapse:collapse;margin:.6rem 2rem 1rem 0;display:inline-table;vertical-align:top}
        td,th{padding:.15rem .7rem .15rem 0;text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:1.2rem}
        figure{margin:0}figure svg{width:100%;height:auto;background:#eee;display:block}figcaption{font-size:13px;overflow-wrap:anywhere}figcaption ol{margin:.2rem 0 0;padding-left:1.6rem}
        .swatch{display:inline-block;width:.8em;height:.8em;margin-right:.4em}.none{color:#a33}</style></head><body><h1>{{Encode(name)}}</h1>
        """;

    private static string Tables(DataSummary s, Dictionary<string, string> colorOf)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"<p>{Encode(DataConverter.Name(s.Format))} &middot; {s.Pictures} pictures ({s.MissingPictures} missing, {s.EmptyPictures} without boxes) &middot; {s.Boxes} boxes &middot; {s.Phrases} phrases ({s.PhrasesWithoutBoxes} that match nothing)</p>");
        foreach (var note in s.Notes) text.Append(CultureInfo.InvariantCulture, $"<p>{Encode(note)}</p>");
        text.Append("<table><tr><th>class</th><th>boxes</th><th>pictures</th><th>median size</th></tr>");
        foreach (var c in s.Classes.Take(100))
            text.Append(CultureInfo.InvariantCulture, $"<tr><td><span class=\"swatch\" style=\"background:{colorOf[c.Label]}\"></span>{Encode(c.Label)}</td><td class=n>{c.Boxes}</td><td class=n>{c.Pictures}</td><td class=n>{c.MedianArea:P1}</td></tr>");
        text.Append("</table><table><tr><th>split</th><th>pictures</th></tr>");
        foreach (var (split, pictures) in s.Splits) text.Append(CultureInfo.InvariantCulture, $"<tr><td>{Encode(split)}</td><td class=n>{pictures}</td></tr>");
        text.Append("</table><table><tr><th>size</th><th>pictures</th></tr>");
        foreach (var (width, height, pictures) in s.Sizes.Take(8)) text.Append(CultureInfo.InvariantCulture, $"<tr><td>{(width > 0 ? $"{width} &times; {height}" : "not stated")}</td><td class=n>{pictures}</td></tr>");
        return text.Append("</table>").ToString();
    }

    private static string Figure(DataSet data, DataSample sample, Dictionary<string, string> colorOf)
    {
        var frame = sample.Width > 0 && sample.Height > 0 ? CoordinateFrame.Pixels(sample.Width, sample.Height) : CoordinateFrame.Thousandths;
        var stroke = Math.Max(frame.Width, frame.Height) / 220;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"<figure><svg viewBox=\"0 0 {frame.Width} {frame.Height}\">");
        if (Embed(data, sample) is { } picture)
            text.Append(CultureInfo.InvariantCulture, $"<image href=\"{picture}\" width=\"{frame.Width}\" height=\"{frame.Height}\" preserveAspectRatio=\"none\"/>");
        else
            text.Append(CultureInfo.InvariantCulture, $"<text x=\"50%\" y=\"50%\" text-anchor=\"middle\" font-size=\"{8 * stroke}\" fill=\"#a33\">picture not found</text>");
        foreach (var o in sample.Objects) Rectangle(text, o.Box, frame, colorOf.GetValueOrDefault(o.Label, Colors[0]), o.Label, stroke, o.Crowd || o.Difficult);
        // phrases that share a box share its tag; those with many boxes are drawn first, so that the particular ones lie on top
        var shared = sample.Phrases.SelectMany((p, i) => p.Boxes.Select(b => (Box: b, Number: i + 1, p.Boxes.Count))).GroupBy(b => b.Box).OrderByDescending(g => g.Min(b => b.Count));
        foreach (var group in shared)
            Rectangle(text, group.Key, frame, Colors[(group.MinBy(b => b.Count).Number - 1) % Colors.Length], string.Join(' ', group.Select(b => b.Number)), 1.3 * stroke, false);

        text.Append(CultureInfo.InvariantCulture, $"</svg><figcaption>{Encode(sample.Id)}{(sample.Label is null ? "" : $" &middot; <b>{Encode(sample.Label)}</b>")}{(sample.Split is null ? "" : " &middot; " + Encode(sample.Split))}");
        if (sample.Phrases.Count > 0)
        {
            text.Append("<ol>");
            foreach (var p in sample.Phrases)
                text.Append(CultureInfo.InvariantCulture, $"<li{(p.Boxes.Count == 0 ? " class=none" : "")}>{Encode(p.Text)}{(p.Boxes.Count > 0 ? "" : p.IsGrounded ? " (nothing here)" : " (no box given)")}</li>");
            text.Append("</ol>");
        }

        return text.Append("</figcaption></figure>\n").ToString();
    }

    private static void Rectangle(StringBuilder text, Box box, CoordinateFrame frame, string color, string label, double stroke, bool dashed)
    {
        var b = box.Frame.IsUnspecified ? box with { Frame = frame } : box.To(frame);
        var size = 5.5 * stroke;
        var (width, top) = (label.Length * size * 0.66, b.Y1 >= size * 1.2 ? b.Y1 - (size * 1.2) : b.Y1);
        var left = Math.Clamp(b.X1, 0, Math.Max(0, frame.Width - width));
        text.Append(CultureInfo.InvariantCulture, $"<rect x=\"{b.X1:0.##}\" y=\"{b.Y1:0.##}\" width=\"{Math.Max(0, b.Width):0.##}\" height=\"{Math.Max(0, b.Height):0.##}\" fill=\"none\" stroke=\"#fff\" stroke-width=\"{1.9 * stroke:0.##}\" opacity=\".7\"/>");
        text.Append(CultureInfo.InvariantCulture, $"<rect x=\"{b.X1:0.##}\" y=\"{b.Y1:0.##}\" width=\"{Math.Max(0, b.Width):0.##}\" height=\"{Math.Max(0, b.Height):0.##}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{stroke:0.##}\"{(dashed ? $" stroke-dasharray=\"{4 * stroke:0.##}\"" : "")}/>");
        text.Append(CultureInfo.InvariantCulture, $"<rect x=\"{left:0.##}\" y=\"{top:0.##}\" width=\"{width + (0.4 * size):0.##}\" height=\"{size * 1.2:0.##}\" fill=\"{color}\"/>");
        text.Append(CultureInfo.InvariantCulture, $"<text x=\"{left + (0.2 * size):0.##}\" y=\"{top + (0.95 * size):0.##}\" font-size=\"{size:0.##}\" font-family=\"system-ui,sans-serif\" fill=\"#fff\">{Encode(label)}</text>");
    }

    // the file's own bytes: no decoder is needed, and the page shows what is really there
    private static string? Embed(DataSet data, DataSample sample)
    {
        if (sample.PictureBytes is null && data.ResolvePicture(sample) is null) return null;
        var bytes = data.ReadPictureBytes(sample);
        var type = bytes.AsSpan() switch
        {
            [0xFF, 0xD8, ..] => "jpeg",
            [0x89, (byte)'P', ..] => "png",
            [(byte)'G', (byte)'I', (byte)'F', ..] => "gif",
            [(byte)'B', (byte)'M', ..] => "bmp",
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', ..] => "webp",
            _ => null,
        };
        return type is null ? null : $"data:image/{type};base64,{Convert.ToBase64String(bytes)}";
    }

    private static double Share(Box box) => box.Frame.IsUnspecified ? 0 : box.To(CoordinateFrame.Unit).Area;

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? 0 : sorted[sorted.Length / 2];
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
