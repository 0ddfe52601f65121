namespace Sightline.Generation.Constraints;

/// <summary>
/// The answers of the grounding tasks, in the words of those who trained models on them: Visual-RFT (<see href="https://github.com/Liuziyu77/Visual-RFT"/>),
/// VLM-R1 (<see href="https://github.com/om-ai-lab/VLM-R1"/>), Qwen2.5-VL. Coordinates are whole numbers of the model's own frame.
/// </summary>
public static class AnswerGrammars
{
    /// <summary>Tokens that a thought leaves for the answer after it: about two boxes.</summary>
    public const int AnswerReserve = 96;

    /// <summary>A thought, then an answer: <c>&lt;think&gt;…&lt;/think&gt;&lt;answer&gt;…&lt;/answer&gt;</c>, with a line end between them or not.</summary>
    /// <param name="answer">What stands in the answer.</param>
    /// <param name="reserve">Tokens that the thought leaves for the answer where the token limit is near.</param>
    public static AnswerGrammar ThinkThenAnswer(AnswerGrammar answer, int reserve = AnswerReserve) => AnswerGrammar.Join(
        AnswerGrammar.Literal("<think>"),
        AnswerGrammar.TextUntil("</think>", reserve, "<think>", "<answer>", "</answer>"),
        AnswerGrammar.OptionalSpace,
        Answer(answer));

    /// <summary><c>&lt;answer&gt;…&lt;/answer&gt;</c>.</summary>
    public static AnswerGrammar Answer(AnswerGrammar answer) => AnswerGrammar.Join(AnswerGrammar.Literal("<answer>"), answer, AnswerGrammar.Literal("</answer>"));

    /// <summary>Visual-RFT's detection: <c>[{'Position': [x1, y1, x2, y2], 'Confidence': 0.9}, …]</c>, or <c>No Objects</c>.</summary>
    /// <param name="width">Largest x of the model's frame.</param>
    /// <param name="height">Largest y.</param>
    /// <param name="most">Most boxes.</param>
    /// <param name="mayBeEmpty">Whether <c>No Objects</c> is an answer.</param>
    public static AnswerGrammar VisualRftBoxes(int width, int height, int most = 32, bool mayBeEmpty = true)
    {
        var box = AnswerGrammar.Join(
            AnswerGrammar.Box(width, height, "{'Position': [", ", ", ", ", ", ", "], 'Confidence': "), AnswerGrammar.Share(), AnswerGrammar.Literal("}"));
        var boxes = AnswerGrammar.Join(AnswerGrammar.Literal("["), AnswerGrammar.Repeat(box, 1, most, ", "), AnswerGrammar.Literal("]"));
        return mayBeEmpty ? AnswerGrammar.OneOf(boxes, AnswerGrammar.Literal("No Objects")) : boxes;
    }

    /// <summary>Visual-RFT's reasoning grounding: <c>(x1,y1),(x2,y2)</c>.</summary>
    public static AnswerGrammar Corners(int width, int height) => AnswerGrammar.Box(width, height, "(", ",", "),(", ",", ")");

    /// <summary>Qwen2-VL's own: <c>&lt;|box_start|&gt;(x1,y1),(x2,y2)&lt;|box_end|&gt;</c>.</summary>
    /// <param name="width">Largest x of the model's frame.</param>
    /// <param name="height">Largest y.</param>
    /// <param name="boxStart">Id of <c>&lt;|box_start|&gt;</c>.</param>
    /// <param name="boxEnd">Id of <c>&lt;|box_end|&gt;</c>.</param>
    /// <param name="most">Most boxes.</param>
    public static AnswerGrammar Qwen2VlBoxes(int width, int height, int boxStart, int boxEnd, int most = 1) => AnswerGrammar.Repeat(
        AnswerGrammar.Join(AnswerGrammar.Special(boxStart), Corners(width, height), AnswerGrammar.Special(boxEnd)), 1, most);

    /// <summary>Qwen2.5-VL's and VLM-R1's: <c>[{"bbox_2d": [x1, y1, x2, y2], "label": "…"}, …]</c>, fenced as JSON or not.</summary>
    /// <param name="width">Largest x of the model's frame.</param>
    /// <param name="height">Largest y.</param>
    /// <param name="labels">The labels that may be given; null: any.</param>
    /// <param name="least">Fewest boxes.</param>
    /// <param name="most">Most boxes.</param>
    /// <param name="fenced">Whether the list stands between <c>```json</c> and <c>```</c>.</param>
    public static AnswerGrammar JsonBoxes(int width, int height, IReadOnlyList<string>? labels = null, int least = 0, int most = 32, bool fenced = true)
    {
        var label = labels is null ? AnswerGrammar.JsonString() : AnswerGrammar.OneOf(labels.Select(Quoted));
        var box = AnswerGrammar.Join(
            AnswerGrammar.Box(width, height, "{\"bbox_2d\": [", ", ", ", ", ", ", "], \"label\": "), label, AnswerGrammar.Literal("}"));
        var boxes = AnswerGrammar.Join(
            AnswerGrammar.Literal("["), AnswerGrammar.Repeat(AnswerGrammar.Join(AnswerGrammar.OneOf(["\n\t", "\n  ", ""]), box), least, most, ", "), AnswerGrammar.OneOf(["\n", ""]), AnswerGrammar.Literal("]"));
        return fenced ? AnswerGrammar.Join(AnswerGrammar.Literal("```json\n"), boxes, AnswerGrammar.Literal("\n```")) : boxes;
    }

    /// <summary>One of some labels.</summary>
    public static AnswerGrammar Label(IEnumerable<string> labels) => AnswerGrammar.OneOf(labels);

    /// <summary>A point: <c>(x,y)</c>.</summary>
    public static AnswerGrammar Point(int width, int height) => AnswerGrammar.Join(
        AnswerGrammar.Literal("("), AnswerGrammar.Number(0, width), AnswerGrammar.Literal(","), AnswerGrammar.Number(0, height), AnswerGrammar.Literal(")"));

    private static string Quoted(string label) => "\"" + System.Text.Json.JsonEncodedText.Encode(label, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping) + "\"";
}
