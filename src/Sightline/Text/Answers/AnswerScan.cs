using System.Globalization;
using System.Runtime.InteropServices;
using Sightline.Geometry;

namespace Sightline.Text.Answers;

/// <summary>
/// One walk through an answer that collects boxes and points in whatever published form they come, and remembers the first thing that
/// does not fit. Words between them are passed over.
/// </summary>
internal sealed class AnswerScan(string text, int start, int end, AnswerKind kind, CoordinateFrame frame)
{
    private static readonly string[] s_boxNames = ["bbox_2d", "bbox", "box", "position", "bounding_box"];
    private static readonly string[] s_pointNames = ["point_2d", "point", "position"];
    private static readonly string[] s_labelNames = ["label", "name", "category", "class", "phrase"];
    private static readonly string[] s_confidenceNames = ["confidence", "score"];

    private string? _label;
    private Literal? _corner;
    private int _sinceMark = -1;
    private bool _isQuad;
    private readonly List<Literal> _quad = [];

    public List<AnsweredBox> Boxes { get; } = [];

    public List<AnsweredPoint> Points { get; } = [];

    /// <summary>The first thing that does not fit, or null.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether the text ends inside something.</summary>
    public bool RanOut { get; private set; }

    /// <summary>Whether there is an empty list (in square brackets or braces; round ones stand in sentences).</summary>
    public bool HasEmptyList { get; private set; }

    /// <summary>Whether words or numbers stand beside the values.</summary>
    public bool HasWords { get; private set; }

    private int Found => Boxes.Count + Points.Count;

    public AnswerScan Run()
    {
        for (var at = start; at < end;)
        {
            at = text[at] switch
            {
                '<' => Tag(at),
                '[' or '{' or '(' => Value(at),
                '`' => Fence(at),
                _ => Word(at),
            };
        }

        if (_sinceMark >= 0) RanOut = true;
        FlushCorner();
        return this;
    }

    private int Word(int at)
    {
        HasWords |= char.IsLetterOrDigit(text[at]);
        return at + 1;
    }

    private int Fence(int at) => Starts(at, "```json") ? at + 7 : at + 1;

    private void Report(string problem) => Problem ??= problem;

    private int Value(int at)
    {
        var reader = new LiteralReader(text.AsSpan(0, end), at);
        var value = reader.Read();
        var before = Found;
        if (reader.RanOut) RanOut = true;
        if (value is { IsWhole: true } && Pair(value) is not null)
        {
            TakePair(value);
            return value.End;
        }

        if (value is not null) Harvest(value, _label, top: true);
        if (reader.ErrorAt >= 0)
        {
            // words in brackets are no answer; a list of numbers or keys that breaks off is a broken one
            if (Found > before || HasNumbers(value)) Report($"the answer cannot be read on from {Excerpt(reader.ErrorAt)}");
            return Math.Max(at + 1, reader.ErrorAt);
        }

        return Math.Max(at + 1, reader.At);
    }

    private int Tag(int at)
    {
        if (Starts(at, "<|object_ref_start|>")) return TakeLabel(at + 20, "<|object_ref_end|>");
        if (Starts(at, "<ref>")) return TakeLabel(at + 5, "</ref>");
        if (Starts(at, "<|box_start|>")) return Mark(at + 13, isQuad: false);
        if (Starts(at, "<box>")) return Mark(at + 5, isQuad: false);
        if (Starts(at, "<|quad_start|>")) return Mark(at + 14, isQuad: true);
        if (Starts(at, "<|box_end|>")) return EndMark(at + 11);
        if (Starts(at, "</box>")) return EndMark(at + 6);
        if (Starts(at, "<|quad_end|>")) return EndMark(at + 12);
        return Starts(at, "<point") ? TakePoints(at) : at + 1;
    }

    private bool Starts(int at, string mark) => string.CompareOrdinal(text, at, mark, 0, mark.Length) == 0 && at + mark.Length <= end;

    private int TakeLabel(int from, string close)
    {
        var to = text.IndexOf(close, from, end - from, StringComparison.Ordinal);
        if (to < 0)
        {
            RanOut = true;
            return end;
        }

        FlushCorner();
        _label = text[from..to].Trim();
        return to + close.Length;
    }

    private int Mark(int next, bool isQuad)
    {
        FlushCorner();
        (_sinceMark, _isQuad) = (Found, isQuad);
        _quad.Clear();
        return next;
    }

    private int EndMark(int next)
    {
        if (_isQuad && _quad.Count == 4)
        {
            var corners = _quad.SelectMany(pair => pair.Items).Select(item => item.Number).ToArray();
            double[] xs = [corners[0], corners[2], corners[4], corners[6]], ys = [corners[1], corners[3], corners[5], corners[7]];
            AddBox(xs.Min(), ys.Min(), xs.Max(), ys.Max(), _label, null, _quad[0].Start, _quad[3].End);
        }
        else
        {
            FlushCorner();
        }

        if (_sinceMark == Found) Report($"there is no box before {Excerpt(next)}");
        (_sinceMark, _isQuad) = (-1, false);
        return next;
    }

    /// <summary><c>&lt;point x="12" y="34" alt="the door"></c>, <c>&lt;points x1="…" y1="…" x2=…></c>.</summary>
    private int TakePoints(int at)
    {
        var close = text.IndexOf('>', at, end - at);
        if (close < 0)
        {
            RanOut = true;
            return end;
        }

        var tag = text.AsSpan(at, close - at);
        var label = Attribute(tag, "alt")?.ToString();
        for (var i = 0; i < 1000; i++)
        {
            var suffix = i == 0 ? "" : i.ToString(CultureInfo.InvariantCulture);
            if (Attribute(tag, "x" + suffix) is not { } x || Attribute(tag, "y" + suffix) is not { } y)
            {
                if (i == 0) continue; // <points> counts from 1
                break;
            }

            if (Parse(x, out var px) && Parse(y, out var py)) Points.Add(new AnsweredPoint(px, py, frame, label, at, close + 1 - at));
            else Report($"a point is not two numbers at {Excerpt(at)}");
        }

        return close + 1;

        static bool Parse(string number, out double value) => double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
    }

    private static string? Attribute(ReadOnlySpan<char> tag, string name)
    {
        var from = tag.IndexOf($" {name}=\"", StringComparison.Ordinal);
        if (from < 0) return null;
        var value = tag[(from + name.Length + 3)..];
        var to = value.IndexOf('"');
        return to < 0 ? null : value[..to].ToString();
    }

    /// <summary>Two numbers, or null.</summary>
    private static Literal? Pair(Literal value) => value is { Kind: LiteralKind.List, IsWhole: true, Items: [{ Kind: LiteralKind.Number }, { Kind: LiteralKind.Number }] } ? value : null;

    private void TakePair(Literal pair)
    {
        if (_isQuad)
        {
            _quad.Add(pair);
        }
        else if (kind == AnswerKind.Points)
        {
            AddPoint(pair, _label);
        }
        else if (_corner is { } first && text.AsSpan(first.End, pair.Start - first.End).Trim(" \t\r\n,").IsEmpty)
        {
            _corner = null;
            AddBox(first.Items[0].Number, first.Items[1].Number, pair.Items[0].Number, pair.Items[1].Number, _label, null, first.Start, pair.End);
        }
        else
        {
            FlushCorner();
            _corner = pair;
        }
    }

    private void FlushCorner()
    {
        if (_corner is { } pair) AddPoint(pair, _label);
        _corner = null;
    }

    private void Harvest(Literal value, string? label, bool top = false)
    {
        if (value.Kind == LiteralKind.Map) HarvestMap(value, label);
        else if (value.Kind == LiteralKind.List) HarvestList(value, label, top);
    }

    private void HarvestList(Literal list, string? label, bool top)
    {
        var items = list.Items;
        if (items.Count == 0)
        {
            HasEmptyList |= list.IsWhole && text[list.Start] != '(';
        }
        else if (items.TrueForAll(item => item.Kind == LiteralKind.Number))
        {
            // "(1)" or "[2]" in a sentence
            if (!(top && items.Count == 1)) Coordinates(list, label, null);
        }
        else if (items is [{ } first, { } second] && Pair(first) is not null && Pair(second) is not null && list.IsWhole && kind != AnswerKind.Points)
        {
            AddBox(first.Items[0].Number, first.Items[1].Number, second.Items[0].Number, second.Items[1].Number, label, null, list.Start, list.End);
        }
        else
        {
            foreach (var item in items)
            {
                if (item.Kind is LiteralKind.List or LiteralKind.Map) Harvest(item, label);
                else if (item.IsWhole) Report($"an item of the list is neither box nor point: {Excerpt(item.Start)}");
            }
        }
    }

    private void HarvestMap(Literal map, string? label)
    {
        label = Last(map, s_labelNames) is { IsWhole: true, Kind: LiteralKind.Text or LiteralKind.Number } name ? name.Text : label;
        if ((kind == AnswerKind.Points ? Last(map, s_pointNames) : null) is { } point)
        {
            Coordinates(point, label, null);
        }
        else if (Last(map, s_boxNames) is { } box)
        {
            var confidence = Last(map, s_confidenceNames);
            if (confidence is { IsWhole: true } and not ({ Kind: LiteralKind.Number } or { Text: "null" or "None" })) Report($"a confidence is not a number: {Excerpt(confidence.Start)}");
            Coordinates(box, label, confidence is { Kind: LiteralKind.Number, IsWhole: true } ? confidence.Number : null);
        }
        else if (Last(map, s_pointNames) is { } other)
        {
            Coordinates(other, label, null);
        }
        else
        {
            HarvestNested(map, label);
        }
    }

    /// <summary>{"objects": […]}, {"dog": [x1, y1, x2, y2]}: the name is the label of a box directly under it.</summary>
    private void HarvestNested(Literal map, string? label)
    {
        HasEmptyList |= map is { IsWhole: true, Items.Count: 0 };
        var before = Found;
        for (var i = 0; i < map.Items.Count; i++)
        {
            var item = map.Items[i];
            if (item.Kind is not (LiteralKind.List or LiteralKind.Map)) continue;
            Harvest(item, item.Kind == LiteralKind.List && item.Items is [{ Kind: LiteralKind.Number }, ..] ? map.Names[i] : label);
        }

        if (Found == before && map.IsWhole && map.Items.Count > 0 && !HasEmptyList) Report($"there is no box in {Excerpt(map.Start)}");
    }

    private void Coordinates(Literal value, string? label, double? confidence)
    {
        if (!value.IsWhole) return; // cut off, or broken where the reader has said so
        var n = value.Items;
        if (value.Kind == LiteralKind.List && n.TrueForAll(item => item.Kind == LiteralKind.Number))
        {
            if (n.Count == 4 && kind != AnswerKind.Points)
            {
                AddBox(n[0].Number, n[1].Number, n[2].Number, n[3].Number, label, confidence, value.Start, value.End);
                return;
            }

            if (n.Count == 2)
            {
                AddPoint(value, label);
                return;
            }
        }
        else if (value.Kind == LiteralKind.List && n.Count == 2 && Pair(n[0]) is not null && Pair(n[1]) is not null && kind != AnswerKind.Points)
        {
            AddBox(n[0].Items[0].Number, n[0].Items[1].Number, n[1].Items[0].Number, n[1].Items[1].Number, label, confidence, value.Start, value.End);
            return;
        }
        else if (value.Kind == LiteralKind.List && n.Count > 0 && n.TrueForAll(item => item.Kind == LiteralKind.List))
        {
            // several boxes under one label
            foreach (var item in n) Coordinates(item, label, confidence);
            return;
        }

        Report($"{(kind == AnswerKind.Points ? "a point is not two" : "a box is not four")} finite numbers: {Excerpt(value.Start)}");
    }

    private void AddBox(double x1, double y1, double x2, double y2, string? label, double? confidence, int from, int to)
    {
        var box = new Box(x1, y1, x2, y2, frame);
        if (box.IsEmpty) Report($"a box has no area: {Excerpt(from)}");
        else Boxes.Add(new AnsweredBox(box, label, confidence, from, to - from));
    }

    private void AddPoint(Literal pair, string? label) =>
        Points.Add(new AnsweredPoint(pair.Items[0].Number, pair.Items[1].Number, frame, label, pair.Start, pair.End - pair.Start));

    private static Literal? Last(Literal map, string[] names)
    {
        for (var i = map.Names.Count - 1; i >= 0; i--)
        {
            if (Array.Exists(names, name => name.Equals(map.Names[i], StringComparison.OrdinalIgnoreCase))) return map.Items[i];
        }

        return null;
    }

    private static bool HasNumbers(Literal? value) =>
        value is not null && (value.Kind == LiteralKind.Number || value.Names.Count > 0 || CollectionsMarshal.AsSpan(value.Items).ToArray().Any(HasNumbers));

    private string Excerpt(int at)
    {
        var piece = text[Math.Min(at, end)..Math.Min(end, at + 40)].ReplaceLineEndings(" ");
        return piece.Length == 0 ? "its end" : $"'{piece}'";
    }
}
