using System.Globalization;
using System.Net;
using System.Text;
using Sightline.Geometry;
using Sightline.Imaging.Drawing;

namespace Sightline.Training.Data;

/// <summary>A sample as a figure of a page: the picture with its boxes, and below it what is said and asked of it.</summary>
internal sealed class SampleFigure
{
    private const int MostProblems = 12;
    private const int MostAbsent = 20;
    private readonly DataSet _data;
    private readonly IReadOnlyDictionary<string, string> _colorOf;
    private readonly IReadOnlyList<string> _colors;
    private readonly ILookup<(string, string?), Problem> _problems;

    public SampleFigure(DataSet data, IReadOnlyDictionary<string, string> colorOf, IReadOnlyList<string> colors)
    {
        (_data, _colorOf, _colors) = (data, colorOf, colors);
        _problems = (data.Problems ?? []).Where(problem => problem.Pictures.Count > 0).ToLookup(problem => (ProblemView.IdOf(problem.Pictures[0], data.PictureFolder), problem.Split));
    }

    /// <summary>The figure as HTML.</summary>
    public string Draw(DataSample sample)
    {
        var frame = sample.Width > 0 && sample.Height > 0 ? CoordinateFrame.Pixels(sample.Width, sample.Height) : CoordinateFrame.Thousandths;
        var stroke = Math.Max(frame.Width, frame.Height) / 220;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"<figure><svg viewBox=\"0 0 {frame.Width} {frame.Height}\">");
        if (Embed(sample) is { } picture)
            text.Append(CultureInfo.InvariantCulture, $"<image href=\"{picture}\" width=\"{frame.Width}\" height=\"{frame.Height}\" preserveAspectRatio=\"none\"/>");
        else
            text.Append(CultureInfo.InvariantCulture, $"<text x=\"50%\" y=\"50%\" text-anchor=\"middle\" font-size=\"{8 * stroke}\" fill=\"#a33\">picture not found</text>");
        AppendMarks(text, Marks(sample, frame, stroke), frame);
        text.Append(CultureInfo.InvariantCulture, $"</svg><figcaption>{Encode(sample.Id)}{(sample.Label is null ? "" : $" &middot; <b>{Encode(sample.Label)}</b>")}{(sample.Split is null ? "" : " &middot; " + Encode(sample.Split))}");
        if (sample.AbsentLabels is { Count: > 0 } absent)
            text.Append(CultureInfo.InvariantCulture, $"<p class=none>not here: {Encode(string.Join(", ", absent.Take(MostAbsent)))}{(absent.Count > MostAbsent ? $" and {absent.Count - MostAbsent} more" : "")}</p>");
        AppendPhrases(text, sample.Phrases);
        AppendProblems(text, [.. _problems[(sample.Id, sample.Split)]]);
        return text.Append("</figcaption></figure>\n").ToString();
    }

    /// <summary>A box with what stands at it.</summary>
    private sealed record Mark(Box Box, string Color, string Label, double Stroke, bool IsDashed);

    private List<Mark> Marks(DataSample sample, CoordinateFrame frame, double stroke)
    {
        Box Placed(Box box) => box.Frame.IsUnspecified ? box with { Frame = frame } : box.To(frame);
        var marks = sample.Objects.Select(o => new Mark(Placed(o.Box), _colorOf.GetValueOrDefault(o.Label, _colors[0]), o.Label, stroke, o.Crowd || o.Difficult)).ToList();
        // phrases that share a box share its tag; those with many boxes are drawn first, so that the particular ones lie on top
        var shared = sample.Phrases.SelectMany((p, i) => p.Boxes.Select(b => (Box: b, Number: i + 1, p.Boxes.Count))).GroupBy(b => b.Box).OrderByDescending(g => g.Min(b => b.Count));
        foreach (var group in shared)
            marks.Add(new Mark(Placed(group.Key), _colors[(group.MinBy(b => b.Count).Number - 1) % _colors.Count], string.Join(' ', group.Select(b => b.Number)), 1.3 * stroke, false));
        return marks;
    }

    /// <summary>All boxes, then their labels where there is room: one of each before the second of any, as colours tell the others.</summary>
    private static void AppendMarks(StringBuilder text, List<Mark> marks, CoordinateFrame frame)
    {
        foreach (var mark in marks)
        {
            var b = mark.Box;
            var corners = string.Create(CultureInfo.InvariantCulture, $"x=\"{b.X1:0.##}\" y=\"{b.Y1:0.##}\" width=\"{Math.Max(0, b.Width):0.##}\" height=\"{Math.Max(0, b.Height):0.##}\" fill=\"none\"");
            text.Append(CultureInfo.InvariantCulture, $"<rect {corners} stroke=\"#fff\" stroke-width=\"{1.9 * mark.Stroke:0.##}\" opacity=\".7\"/>");
            text.Append(CultureInfo.InvariantCulture, $"<rect {corners} stroke=\"{mark.Color}\" stroke-width=\"{mark.Stroke:0.##}\"{(mark.IsDashed ? $" stroke-dasharray=\"{4 * mark.Stroke:0.##}\"" : "")}><title>{Encode(mark.Label)}</title></rect>");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        var ordered = marks.Where(mark => mark.Label.Length > 0).OrderBy(mark => seen.Add(mark.Label) ? 0 : 1).ToList();
        var places = AnnotationDrawing.PlacePlates(frame, ordered.ConvertAll(mark => mark.Box), ordered.ConvertAll(mark => (Width(mark.Label) * Height(mark), 1.2 * Height(mark))));
        foreach (var (mark, place) in ordered.Zip(places))
        {
            if (place is not { } plate) continue;
            text.Append(CultureInfo.InvariantCulture, $"<rect class=\"l\" x=\"{plate.X1:0.##}\" y=\"{plate.Y1:0.##}\" width=\"{plate.Width:0.##}\" height=\"{plate.Height:0.##}\" fill=\"{mark.Color}\"/>");
            text.Append(CultureInfo.InvariantCulture, $"<text x=\"{plate.X1 + (0.2 * Height(mark)):0.##}\" y=\"{plate.Y1 + (0.95 * Height(mark)):0.##}\" font-size=\"{Height(mark):0.##}\" font-family=\"system-ui,sans-serif\" fill=\"#fff\">{Encode(mark.Label)}</text>");
        }

        static double Height(Mark mark) => 5.5 * mark.Stroke;
        static double Width(string label) => 0.5 + label.Sum(letter => char.IsLower(letter) ? 0.6 : 0.76); // in heights, of wide common fonts
    }

    private static void AppendPhrases(StringBuilder text, IReadOnlyList<DataPhrase> phrases)
    {
        if (phrases.Count == 0) return;
        text.Append("<ol>");
        foreach (var p in phrases)
            text.Append(CultureInfo.InvariantCulture, $"<li{(p.Boxes.Count == 0 ? " class=none" : "")}>{Encode(p.Text)}{(p.Boxes.Count > 0 ? "" : p.IsGrounded ? " (nothing here)" : " (no box given)")}</li>");
        text.Append("</ol>");
    }

    /// <summary>What is asked and what is right, word for word.</summary>
    private static void AppendProblems(StringBuilder text, List<Problem> problems)
    {
        foreach (var problem in problems.Take(MostProblems))
        {
            text.Append(CultureInfo.InvariantCulture, $"<div class=problem><pre>{Encode(problem.Prompt)}</pre><pre{(problem.Boxes is { Count: 0 } ? " class=none" : "")}><b>solution:</b> {Encode(Solution(problem))}</pre>");
            if (problem.Answer is { } answer && !(problem.Solution is { } solution && answer.Contains(solution, StringComparison.Ordinal))) text.Append("<pre><b>answer:</b> ").Append(Encode(answer)).Append("</pre>");
            text.Append("</div>");
        }

        if (problems.Count > MostProblems) text.Append(CultureInfo.InvariantCulture, $"<p>and {problems.Count - MostProblems} more problems</p>");
    }

    private static string Solution(Problem problem) => problem.Solution ?? problem.Label ?? problem.Boxes switch
    {
        null => "not stated",
        { Count: 0 } => "nothing is there",
        { Count: 1 } => "the box drawn",
        var boxes => string.Create(CultureInfo.InvariantCulture, $"the {boxes.Count} boxes drawn"),
    };

    // the file's own bytes: no decoder is needed, and the page shows what is really there
    private string? Embed(DataSample sample)
    {
        if (sample.PictureBytes is null && _data.ResolvePicture(sample) is null) return null;
        var bytes = _data.ReadPictureBytes(sample);
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

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
