using Sightline.Geometry;
using Sightline.Text.Answers;

namespace Sightline.Tests.Text.Answers;

public class AnswerParserTests
{
    private static readonly CoordinateFrame Thousand = CoordinateFrame.Thousandths;

    /// <summary>Answers that are whole, with the boxes in them.</summary>
    public static TheoryData<string, string> Whole => new()
    {
        // Qwen2-VL
        { "<|object_ref_start|>the cup<|object_ref_end|><|box_start|>(12,34),(567,890)<|box_end|><|im_end|>", "the cup:12,34,567,890" },
        { "<|box_start|>(12,34),(567,890)<|box_end|>", ":12,34,567,890" },
        { "<|object_ref_start|>dogs<|object_ref_end|><|box_start|>(1,2),(30,40)<|box_end|><|box_start|>(5,6),(70,80)<|box_end|>", "dogs:1,2,30,40 dogs:5,6,70,80" },
        { "A <|object_ref_start|>dog<|object_ref_end|><|box_start|>(1,2),(30,40)<|box_end|> chases a <|object_ref_start|>cat<|object_ref_end|><|box_start|>(5,6),(70,80)<|box_end|>.", "dog:1,2,30,40 cat:5,6,70,80" },
        { "<|quad_start|>(10,20),(100,25),(98,60),(8,55)<|quad_end|>", ":8,20,100,60" },
        { "the cup(12,34),(567,890)", ":12,34,567,890" },
        { "<ref>a bus</ref><box>(1,2),(30,40)</box>", "a bus:1,2,30,40" },
        // Qwen2.5-VL and Qwen3-VL
        { "```json\n[\n\t{\"bbox_2d\": [341, 258, 397, 360], \"label\": \"top left cupcake\"},\n\t{\"bbox_2d\": [10, 20, 30, 40.5], \"label\": \"b\"}\n]\n```", "top left cupcake:341,258,397,360 b:10,20,30,40.5" },
        { "Sure! Here it is:\n```json\n{\"bbox_2d\": [1, 2, 3, 4], \"sub_label\": \"x\", \"label\": \"杯子\\u4e2d\"}\n```\nThe cup is on the left.", "杯子中:1,2,3,4" },
        { "[{\"label\": \"a\", \"bbox\": [1, 2, 3, 4], \"score\": 0.25}]", "a:1,2,3,4@0.25" },
        { "{\"objects\": [{\"box\": [[1, 2], [3, 4]], \"name\": \"a\"}]}", "a:1,2,3,4" },
        { "{\"dog\": [1, 2, 3, 4], \"cat\": [5, 6, 7, 8]}", "dog:1,2,3,4 cat:5,6,7,8" },
        // Visual-RFT
        { "<think>I see it.</think>\n<answer>[{'Position': [631, 800, 796, 893], 'Confidence': 0.61}]</answer>", ":631,800,796,893@0.61" },
        { "<think> a\nb </think> <answer>[{'Position': [1, 2, 3, 4], 'Confidence': 0.9}, {'Position': (5, 6, 7, 8), 'Confidence': 1},]</answer>", ":1,2,3,4@0.9 :5,6,7,8@1" },
        { "<answer>[{\"Position\": [1, 2, 3, 4], \"Confidence\": 1e-1, 'note': 'it's here'}]</answer>", ":1,2,3,4@0.1" },
        { "<answer> (394,786),(532,873) </answer>", ":394,786,532,873" },
        { "<answer>( 110,105 ) , ( 290,310 )</answer>", ":110,105,290,310" },
        // VLM-R1
        { "<think>t</think><answer>{[100, 120, 300, 320]}</answer>", ":100,120,300,320" },
        { "<answer>[100, 120, 300, 320]</answer>", ":100,120,300,320" },
        // a thought may speak of boxes; they are not the answer
        { "It could be (1,2),(3,4) [5, 6, 7, 8]</think><answer>(10,20),(30,40)</answer>", ":10,20,30,40" },
        { "The first (of two) is [here]: (10,20),(30,40)", ":10,20,30,40" },
    };

    /// <summary>Answers of which some or nothing can be used, with the reason.</summary>
    public static TheoryData<string, AnswerStatus, string> Others => new()
    {
        { "<answer>No Objects</answer>", AnswerStatus.NothingThere, "" },
        { "no objects.", AnswerStatus.NothingThere, "" },
        { "```json\n[]\n```", AnswerStatus.NothingThere, "" },
        { "<think>x</think><answer>None</answer>", AnswerStatus.NothingThere, "" },
        { "There are none.", AnswerStatus.NothingThere, "" },
        { "No objects: []", AnswerStatus.NothingThere, "" },
        { "{\"objects\": []}", AnswerStatus.NothingThere, "" },
        { "the cat on the left []", AnswerStatus.Malformed, "" },
        { "the cat (or cats) on the left ()", AnswerStatus.Malformed, "" },
        { "", AnswerStatus.Malformed, "" },
        { "<answer></answer>", AnswerStatus.Malformed, "" },
        { "the dog is on the left", AnswerStatus.Malformed, "" },
        { "<answer>(5,5),(5,5)</answer>", AnswerStatus.Malformed, "" },
        { "<answer>(290,310),(110,105)</answer>", AnswerStatus.Malformed, "" },
        { "[{'Position': [1, 2, 3], 'Confidence': 0.5}]", AnswerStatus.Malformed, "" },
        { "[{'Position': ['1', '2', '3', '4'], 'Confidence': 0.5}]", AnswerStatus.Malformed, "" },
        { "[{'Position': [true, false, 300, 300], 'Confidence': 0.5}]", AnswerStatus.Malformed, "" },
        { "[{'Position': [NaN, 1, 2, 3], 'Confidence': 1}]", AnswerStatus.Malformed, "" },
        { "[{'Position': [0, 0, 1e400, 200], 'Confidence': 1}]", AnswerStatus.Malformed, "" },
        { "[{'Position': [１００, 100, 200, 200], 'Confidence': 0.9}]", AnswerStatus.Malformed, "" },
        { "[{'Position': [1, 2, 3, 4], 'Confidence': '0.9'}]", AnswerStatus.Malformed, ":1,2,3,4" },
        { "[{'Confidence': 0.5}]", AnswerStatus.Malformed, "" },
        { "[{'Position': [1, 2, 3, 4], 'Confidence': 0.5}, 5]", AnswerStatus.Malformed, ":1,2,3,4@0.5" },
        { "[{'Position': [1, 2, 3, 4], 'Confidence': 0.5}; {'Position': [5, 6, 7, 8], 'Confidence': 0.5}]", AnswerStatus.Malformed, ":1,2,3,4@0.5 :5,6,7,8@0.5" },
        { "<answer>[{'Position': [1, 2, 3, 4], 'Confidence': 0.5}</answer>", AnswerStatus.Malformed, ":1,2,3,4@0.5" },
        { "<answer>x</answer><answer>(10,20),(30,40)</answer>", AnswerStatus.Malformed, ":10,20,30,40" },
        { "<answer>(10,20)</answer>", AnswerStatus.Malformed, "" },
        { "<|box_start|>nowhere<|box_end|>", AnswerStatus.Malformed, "" },
        { "<think>it is at (1,2),(3,4)", AnswerStatus.Truncated, "" },
        { "<think>x</think><answer>[{'Position': [1, 2, 3, 4], 'Confidence': 0.5}, {'Position': [5, 6, 7", AnswerStatus.Truncated, ":1,2,3,4@0.5" },
        { "[{\"bbox_2d\": [1, 2, 3, 4], \"label\": \"a\"}, {\"bbox_2d\": [5, 6, 7, 8], \"label\": \"th", AnswerStatus.Truncated, "a:1,2,3,4 :5,6,7,8" },
        { "[{\"bbox_2d\": [1, 2, 3, 44", AnswerStatus.Truncated, "" },
        { "<|object_ref_start|>dog<|object_ref_end|><|box_start|>(1,2),(30,40)<|box_end|><|box_start|>(5,6),(7", AnswerStatus.Truncated, "dog:1,2,30,40" },
        { "<answer>[{'Position': [10, 20, 3000, 400], 'Confidence': 0.5}]</answer>", AnswerStatus.WrongFrame, ":10,20,3000,400@0.5" },
        { "<answer>[{'Position': [0.1, 0.2, 0.3, 0.4], 'Confidence': 0.5}]</answer>", AnswerStatus.WrongFrame, ":0.1,0.2,0.3,0.4@0.5" },
        { "(-90,20),(300,400)", AnswerStatus.WrongFrame, ":-90,20,300,400" },
    };

    [Theory]
    [MemberData(nameof(Whole))]
    public void PublishedFormsAreRead(string text, string boxes)
    {
        var answer = AnswerParser.Parse(text, AnswerKind.Boxes, Thousand);
        Assert.Equal(boxes, Show(answer));
        Assert.Equal((AnswerStatus.Complete, null), (answer.Status, answer.Problem));
        Assert.Empty(answer.Points);
        foreach (var box in answer.Boxes)
        {
            // the place of a box is that of its numbers
            var again = AnswerParser.Parse(text.Substring(box.Start, box.Length), AnswerKind.Boxes, Thousand);
            if (!text.Contains("quad", StringComparison.Ordinal)) Assert.Equal(box.Box, Assert.Single(again.Boxes).Box);
        }
    }

    [Theory]
    [MemberData(nameof(Others))]
    public void OtherAnswersAreTyped(string text, AnswerStatus status, string boxes)
    {
        var answer = AnswerParser.Parse(text, AnswerKind.Boxes, Thousand);
        Assert.Equal(boxes, Show(answer));
        Assert.Equal(status, answer.Status);
        Assert.Equal(status is AnswerStatus.NothingThere, answer.Problem is null);
    }

    [Theory]
    [InlineData("<points x1=\"379\" y1=\"421\" x2=\"10\" y2=\"20\" alt=\"a door\">a door</points>", "a door:379,421 a door:10,20")]
    [InlineData("<point x=\"37.5\" y=\"42\" alt=\"it\">", "it:37.5,42")]
    [InlineData("```json\n[{\"point_2d\": [12, 34], \"label\": \"lid\"}]\n```", "lid:12,34")]
    [InlineData("(12,34),(56,78)", ":12,34 :56,78")]
    [InlineData("[[12, 34], [56, 78]]", ":12,34 :56,78")]
    [InlineData("<answer>[12, 34]</answer>", ":12,34")]
    public void PointsAreRead(string text, string points)
    {
        var answer = AnswerParser.Parse(text, AnswerKind.Points, Thousand);
        Assert.Equal(points, string.Join(" ", answer.Points.Select(p => FormattableString.Invariant($"{p.Label}:{p.X},{p.Y}"))));
        Assert.Equal(AnswerStatus.Complete, answer.Status);
    }

    [Theory]
    [InlineData("<think>fur</think><answer>Golden_Retriever</answer>", "Golden_Retriever", AnswerStatus.Complete)]
    [InlineData(" 'golden retriever'. ", "golden retriever", AnswerStatus.Complete)]
    [InlineData("{\"label\": \"pug\"}", "pug", AnswerStatus.Complete)]
    [InlineData("<answer>golden retr", null, AnswerStatus.Truncated)]
    [InlineData("<answer></answer>", null, AnswerStatus.Malformed)]
    [InlineData("<answer>a</answer><answer>b</answer>", "b", AnswerStatus.Malformed)]
    public void LabelsAreRead(string text, string? label, AnswerStatus status)
    {
        var answer = AnswerParser.Parse(text, AnswerKind.Label, default);
        Assert.Equal((label, status), (answer.Label, answer.Status));
    }

    [Fact]
    public void ThinkingAndTagsAreTold()
    {
        var answer = AnswerParser.Parse(" <think>because\nof it</think>\n<answer>(1,2),(3,4)</answer><|im_end|>", AnswerKind.Boxes, Thousand);
        Assert.Equal(("because\nof it", "(1,2),(3,4)", true), (answer.Thinking, answer.Text, answer.IsInTags));
        foreach (var text in new[] { "(1,2),(3,4)", "<answer>(1,2),(3,4)</answer>", "so <think>x</think><answer>(1,2),(3,4)</answer>", "<think>x</think> so <answer>(1,2),(3,4)</answer>", "<think>x</think><answer>(1,2),(3,4)</answer>!" })
            Assert.False(AnswerParser.Parse(text, AnswerKind.Boxes, Thousand).IsInTags);
    }

    [Fact]
    public void CutByALimitIsTruncatedEvenWhereTheTextLooksWhole()
    {
        const string text = "[{'Position': [1, 2, 3, 4], 'Confidence': 0.5}]";
        Assert.Equal(AnswerStatus.Truncated, AnswerParser.Parse(text, AnswerKind.Boxes, Thousand, isCut: true).Status);
        Assert.Equal(AnswerStatus.Complete, AnswerParser.Parse($"<answer>{text}</answer> and", AnswerKind.Boxes, Thousand, isCut: true).Status);
    }

    [Fact]
    public void FramesAreConvertedExplicitly()
    {
        var answer = AnswerParser.Parse("(100,200),(300,400)", AnswerKind.Boxes, Thousand);
        Assert.Equal(new Box(64, 96, 192, 192, CoordinateFrame.Pixels(640, 480)), answer.To(CoordinateFrame.Pixels(640, 480)).Boxes[0].Box);
        var wrong = AnswerParser.Parse("(100,200),(3000,400)", AnswerKind.Boxes, Thousand);
        Assert.Contains("3000", Assert.Throws<FrameMismatchException>(() => wrong.To(CoordinateFrame.Unit)).Message, StringComparison.Ordinal);
        // a few units over the edge are the model's imprecision, and 0..1 is right where it was agreed on
        Assert.Equal(AnswerStatus.Complete, AnswerParser.Parse("(0,200),(1004,400)", AnswerKind.Boxes, Thousand).Status);
        Assert.Equal(AnswerStatus.Complete, AnswerParser.Parse("[0.1, 0.2, 0.3, 0.4]", AnswerKind.Boxes, CoordinateFrame.Unit).Status);
    }

    private static string Show(GroundedAnswer answer) => string.Join(" ", answer.Boxes.Select(found => FormattableString.Invariant(
        $"{found.Label}:{found.Box.X1},{found.Box.Y1},{found.Box.X2},{found.Box.Y2}") + (found.Confidence is { } c ? FormattableString.Invariant($"@{c}") : "")));
}
