using System.Globalization;
using Sightline.Geometry;

namespace Sightline.Text.Answers;

/// <summary>
/// Reads what a model answered, in any of the forms of <see cref="AnswerForm"/>, with or without <c>&lt;think></c> and <c>&lt;answer></c> tags,
/// JSON fences and words around. Any text gives a result; nothing throws. Coordinates are taken to be in the frame that the model
/// declares and stay in it until <see cref="GroundedAnswer.To"/>.
/// </summary>
public static class AnswerParser
{
    // Models overshoot the edge by a few units; what is farther out was meant in another frame.
    internal const double Overshoot = 0.05;

    private static readonly HashSet<string> s_nothing = new(StringComparer.OrdinalIgnoreCase)
    {
        "no objects", "no object", "no objects found", "no object found", "no objects detected", "no object detected", "none", "there are none", "nothing", "null", "not found",
    };

    /// <summary>Reads an answer.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="kind">What was asked for.</param>
    /// <param name="frame">The coordinates that the model speaks; an unspecified frame is not checked.</param>
    /// <param name="isCut">Whether the answer was ended by a limit and not by the model.</param>
    public static GroundedAnswer Parse(string text, AnswerKind kind, CoordinateFrame frame, bool isCut = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        var sections = AnswerSections.Split(text);
        var answer = text[sections.Start..sections.End];
        var isOpen = sections.IsOpen || (isCut && sections.End == text.Length);
        if (kind == AnswerKind.Label) return ReadLabel(answer, sections, isOpen);
        var scan = new AnswerScan(text, sections.Start, sections.End, kind, frame).Run();
        var (status, problem) = Judge(answer, sections, scan, kind, frame, isOpen || (scan.RanOut && sections.End == text.Length));
        return new GroundedAnswer
        {
            Status = status,
            Problem = problem,
            Thinking = sections.Thinking,
            Text = answer.Trim(),
            Boxes = scan.Boxes,
            Points = scan.Points,
            IsInTags = sections.IsInTags,
        };
    }

    private static (AnswerStatus Status, string? Problem) Judge(string answer, in AnswerSections sections, AnswerScan scan, AnswerKind kind, CoordinateFrame frame, bool isOpen)
    {
        if (WrongFrame(scan, frame) is { } wrong) return (AnswerStatus.WrongFrame, wrong);
        var found = kind == AnswerKind.Points ? scan.Points.Count : scan.Boxes.Count;
        var problem = scan.Problem ?? (sections.Answers > 1 ? $"there are {sections.Answers} answers in tags, and the last was read" : null);
        if (problem is null && scan.RanOut && !isOpen) problem = "the answer breaks off before it is closed";
        if (problem is null && found == 0 && scan.Boxes.Count + scan.Points.Count > 0)
            problem = kind == AnswerKind.Points ? "boxes were given where points were asked for" : "points were given where boxes were asked for";
        if (problem is not null && !(isOpen && found == 0 && scan.Problem is null)) return (AnswerStatus.Malformed, problem);
        if (isOpen) return (AnswerStatus.Truncated, "the answer ends in the middle");
        if (found > 0) return (AnswerStatus.Complete, null);
        // an empty list among words that say something else is no answer
        if ((scan.HasEmptyList && !scan.HasWords) || s_nothing.Contains(answer.Trim([' ', '\t', '\r', '\n', '\'', '"', '`', '.', '!', ':', '[', ']']))) return (AnswerStatus.NothingThere, null);
        return (AnswerStatus.Malformed, string.IsNullOrWhiteSpace(answer) ? "the answer is empty" : $"the answer holds no {(kind == AnswerKind.Points ? "point" : "box")}: '{Shorten(answer.Trim())}'");
    }

    /// <summary>What shows that the numbers are not of this frame, or null.</summary>
    private static string? WrongFrame(AnswerScan scan, CoordinateFrame frame)
    {
        if (frame.IsUnspecified || scan.Boxes.Count + scan.Points.Count == 0) return null;
        var places = scan.Boxes.SelectMany(found => new[] { (found.Box.X1, found.Box.Y1), (found.Box.X2, found.Box.Y2) })
            .Concat(scan.Points.Select(point => (point.X, point.Y))).ToList();
        foreach (var (x, y) in places)
        {
            if (IsOutside(x, frame.Width) || IsOutside(y, frame.Height))
                return string.Create(CultureInfo.InvariantCulture, $"the answer speaks of ({x:0.###}, {y:0.###}), which is outside the frame {frame}: the model speaks other coordinates");
        }

        // fractions of the picture where large whole numbers are expected
        var isUnit = Math.Min(frame.Width, frame.Height) > 10 && places.TrueForAll(place => place.Item1 <= 1 && place.Item2 <= 1) && places.Exists(place => place.Item1 % 1 != 0 || place.Item2 % 1 != 0);
        return isUnit ? $"all numbers of the answer lie in 0..1, which is not the frame {frame}: the model speaks other coordinates" : null;

        static bool IsOutside(double value, double extent) => value < -Overshoot * extent || value > (1 + Overshoot) * extent;
    }

    private static GroundedAnswer ReadLabel(string answer, in AnswerSections sections, bool isOpen)
    {
        var label = LabelIn(answer);
        var status = isOpen ? AnswerStatus.Truncated
            : label.Length == 0 || sections.Answers > 1 ? AnswerStatus.Malformed
            : s_nothing.Contains(label) ? AnswerStatus.NothingThere
            : AnswerStatus.Complete;
        return new GroundedAnswer
        {
            Status = status,
            Problem = status switch
            {
                AnswerStatus.Truncated => "the answer ends in the middle",
                AnswerStatus.Malformed => label.Length == 0 ? "the answer is empty" : $"there are {sections.Answers} answers in tags, and the last was read",
                _ => null,
            },
            Thinking = sections.Thinking,
            Text = answer.Trim(),
            Label = status is AnswerStatus.Complete or AnswerStatus.Malformed && label.Length > 0 ? label : null,
            IsInTags = sections.IsInTags,
        };
    }

    private static string LabelIn(string answer)
    {
        var brace = answer.IndexOf('{', StringComparison.Ordinal);
        if (brace >= 0 && new LiteralReader(answer, brace).Read() is { Kind: LiteralKind.Map } map)
        {
            var at = map.Names.FindLastIndex(name => name is "label" or "name" or "category" or "class" or "answer");
            if (at >= 0 && map.Items[at].Kind == LiteralKind.Text) return map.Items[at].Text.Trim();
        }

        return answer.Trim([' ', '\t', '\r', '\n', '\'', '"', '`', '.']);
    }

    private static string Shorten(string text)
    {
        text = text.ReplaceLineEndings(" ");
        return text.Length <= 60 ? text : text[..60] + "…";
    }
}
