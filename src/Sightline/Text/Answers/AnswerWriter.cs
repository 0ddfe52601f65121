using System.Globalization;
using System.Text;
using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Text.Answers;

/// <summary>
/// Writes boxes and points as a model is taught to: for supervised data, solutions and examples. <see cref="AnswerParser"/> reads all
/// of it back.
/// </summary>
public static class AnswerWriter
{
    /// <summary>Visual-RFT's words for an empty list.</summary>
    public const string NoObjects = "No Objects";

    /// <summary>The answer for some boxes; without any, what the form has for nothing.</summary>
    /// <param name="form">How.</param>
    /// <param name="boxes">The boxes in any frame.</param>
    /// <param name="frame">The coordinates of the model; they are rounded to whole numbers inside it.</param>
    public static string Boxes(AnswerForm form, IReadOnlyList<AnsweredBox> boxes, CoordinateFrame frame)
    {
        ArgumentNullException.ThrowIfNull(boxes);
        if (boxes.Count == 0) return form == AnswerForm.Json ? "```json\n[]\n```" : NoObjects;
        var lines = boxes.Select(found => (found, Box: Whole(found.Box, frame)));
        return form switch
        {
            AnswerForm.Json => Fence(lines.Select(line => Line("bbox_2d", [line.Box.X1, line.Box.Y1, line.Box.X2, line.Box.Y2], line.found.Label))),
            AnswerForm.Positions => $"[{string.Join(", ", lines.Select(line => $"{{'Position': [{Numbers(", ", line.Box.X1, line.Box.Y1, line.Box.X2, line.Box.Y2)}], 'Confidence': {(line.found.Confidence ?? 1).ToString("0.##", CultureInfo.InvariantCulture)}}}"))}]",
            AnswerForm.BoxTokens => string.Concat(lines.Select(line => $"{Reference(line.found.Label)}<|box_start|>{Corners(line.Box)}<|box_end|>")),
            _ => string.Join(", ", lines.Select(line => Corners(line.Box))),
        };
    }

    /// <summary>The answer for some points; without any, what the form has for nothing.</summary>
    public static string Points(AnswerForm form, IReadOnlyList<AnsweredPoint> points, CoordinateFrame frame)
    {
        ArgumentNullException.ThrowIfNull(points);
        if (points.Count == 0) return form == AnswerForm.Json ? "```json\n[]\n```" : NoObjects;
        var lines = points.Select(point => (point.Label, At: Whole(new Box(point.X, point.Y, point.X, point.Y, point.Frame), frame)));
        return form == AnswerForm.Json
            ? Fence(lines.Select(line => Line("point_2d", [line.At.X1, line.At.Y1], line.Label)))
            : string.Join(", ", lines.Select(line => $"({Numbers(",", line.At.X1, line.At.Y1)})"));
    }

    /// <summary>Thinking and answer in Visual-RFT's tags.</summary>
    public static string InTags(string thinking, string answer) => $"<think>{thinking}</think>\n<answer>{answer}</answer>";

    private static Box Whole(Box box, CoordinateFrame frame)
    {
        var there = box.To(frame).Clip();
        var ((x1, x2), (y1, y2)) = (Whole(there.X1, there.X2), Whole(there.Y1, there.Y2));
        return there with { X1 = x1, Y1 = y1, X2 = x2, Y2 = y2 };
    }

    /// <summary>Two edges as whole numbers; those of a sliver outwards, as a box without area is no answer.</summary>
    private static (double From, double To) Whole(double from, double to)
    {
        var (first, last) = (Math.Round(from), Math.Round(to));
        return first == last && from < to ? (Math.Floor(from), Math.Ceiling(to)) : (first, last);
    }

    private static string Corners(Box box) => $"({Numbers(",", box.X1, box.Y1)}),({Numbers(",", box.X2, box.Y2)})";

    private static string Reference(string? label) => label is null ? "" : $"<|object_ref_start|>{label}<|object_ref_end|>";

    private static string Numbers(string between, params double[] values) => string.Join(between, values.Select(value => value.ToString("0", CultureInfo.InvariantCulture)));

    private static string Fence(IEnumerable<string> lines) => $"```json\n[\n\t{string.Join(",\n\t", lines)}\n]\n```";

    private static string Line(string name, double[] numbers, string? label)
    {
        var line = new StringBuilder($"{{\"{name}\": [{Numbers(", ", numbers)}]");
        if (label is not null) line.Append(CultureInfo.InvariantCulture, $", \"label\": \"{JsonEncodedText.Encode(label, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"");
        return line.Append('}').ToString();
    }
}
