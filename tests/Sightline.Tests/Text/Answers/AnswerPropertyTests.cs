using FsCheck;
using FsCheck.Fluent;
using Sightline.Geometry;
using Sightline.Text.Answers;

namespace Sightline.Tests.Text.Answers;

public class AnswerPropertyTests
{
    private static readonly CoordinateFrame Frame = CoordinateFrame.Thousandths;

    private static readonly string[] s_pieces =
    [
        "<think>", "</think>", "<answer>", "</answer>", "<|box_start|>", "<|box_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|quad_start|>", "<|quad_end|>",
        "<|im_end|>", "<point x=\"1\" y=\"2\"", "<points x1=\"1\" y1=\"", ">", "```json\n", "[", "]", "{", "}", "(", ")", ",", ":", "'", "\"", "\\", "\\u12", "bbox_2d", "'Position': ", "'Confidence': ",
        "0", "-1", "12.5", "1e999", "NaN", "null", "１２", "(1,2),(3,4)", "[1, 2, 3, 4]", "\"label\": ", "No Objects", " ", "\n", "\0", "\ud800", "字", "it's",
    ];

    private static readonly Gen<AnsweredBox> s_box =
        from x in Gen.Choose(0, 900)
        from y in Gen.Choose(0, 900)
        from w in Gen.Choose(1, 100)
        from h in Gen.Choose(1, 100)
        from label in Gen.Elements("dog", "a \"quoted\" thing", "it's", "杯子", "tab\there")
        from confidence in Gen.Choose(0, 100)
        select new AnsweredBox(new Box(x, y, x + w, y + h, Frame), label, confidence / 100.0);

    [Fact]
    public void NoTextThrows()
    {
        var texts = Gen.OneOf(
            ArbMap.Default.GeneratorFor<string>().Where(text => text is not null),
            Gen.Elements(s_pieces).ListOf().Select(pieces => string.Concat(pieces)));
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(5000), Prop.ForAll(texts.ToArbitrary(), text =>
        {
            foreach (var kind in Enum.GetValues<AnswerKind>())
            {
                foreach (var isCut in new[] { false, true })
                {
                    var answer = AnswerParser.Parse(text, kind, Frame, isCut);
                    Assert.All(answer.Boxes, found =>
                    {
                        Assert.False(found.Box.IsEmpty);
                        Assert.True(found.Start >= 0 && found.Start + found.Length <= text.Length && found.Length > 0);
                    });
                    Assert.Equal(answer.Status is AnswerStatus.Complete or AnswerStatus.NothingThere, answer.Problem is null);
                    if (answer.Status == AnswerStatus.NothingThere) Assert.Empty(answer.Boxes);
                }
            }
        }));
    }

    [Fact]
    public void WhatIsWrittenIsReadBack() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(Boxes(), Gen.Elements(Enum.GetValues<AnswerForm>()).ToArbitrary(), (boxes, form) =>
    {
        var text = AnswerWriter.InTags("because", AnswerWriter.Boxes(form, boxes, Frame));
        var answer = AnswerParser.Parse(text, AnswerKind.Boxes, Frame);
        Assert.Equal(boxes.Length == 0 ? AnswerStatus.NothingThere : AnswerStatus.Complete, answer.Status);
        Assert.True(answer.IsInTags);
        Assert.Equal(boxes.Select(found => found.Box), answer.Boxes.Select(found => found.Box));
        if (form is AnswerForm.Json or AnswerForm.BoxTokens) Assert.Equal(boxes.Select(found => found.Label), answer.Boxes.Select(found => found.Label));
        if (form == AnswerForm.Positions) Assert.Equal(boxes.Select(found => found.Confidence), answer.Boxes.Select(found => found.Confidence));
    }));

    [Theory]
    [InlineData(10.1, 20, 10.4, 30)]
    [InlineData(999.7, 0.1, 1000, 0.2)]
    [InlineData(5.5, 7, 6.4, 7.4)]
    public void ASliverIsWrittenAsABoxWithAnArea(double x1, double y1, double x2, double y2)
    {
        var box = new Box(x1, y1, x2, y2, CoordinateFrame.Thousandths);
        foreach (var form in Enum.GetValues<AnswerForm>())
        {
            var answer = AnswerParser.Parse(AnswerWriter.Boxes(form, [new AnsweredBox(box)], CoordinateFrame.Thousandths), AnswerKind.Boxes, CoordinateFrame.Thousandths);
            Assert.Equal(AnswerStatus.Complete, answer.Status);
            Assert.True(Iou.Of(Assert.Single(answer.Boxes).Box, box) > 0);
        }
    }

    [Fact]
    public void ABeginningNeverHoldsOtherBoxesThanTheWhole() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), Prop.ForAll(Boxes(), Gen.Elements(Enum.GetValues<AnswerForm>()).ToArbitrary(), (boxes, form) =>
    {
        var text = AnswerWriter.InTags("a thought", AnswerWriter.Boxes(form, boxes, Frame));
        for (var length = 0; length < text.Length; length++)
        {
            var answer = AnswerParser.Parse(text[..length], AnswerKind.Boxes, Frame, isCut: true);
            Assert.Equal(boxes.Take(answer.Boxes.Count).Select(found => found.Box), answer.Boxes.Select(found => found.Box));
            Assert.Equal(AnswerStatus.Truncated, answer.Status);
        }
    }));

    [Fact]
    public void LongNonsenseIsReadInLinearTime()
    {
        foreach (var piece in new[] { "[", "{", "(", "[{'a':", "<point", "(1,2),", "<|object_ref_start|>", "[1,2,3,", "{\"" })
        {
            var text = string.Concat(Enumerable.Repeat(piece, 20_000));
            var watch = System.Diagnostics.Stopwatch.StartNew();
            AnswerParser.Parse(text, AnswerKind.Boxes, Frame);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{piece}: {watch.Elapsed}");
        }
    }

    private static Arbitrary<AnsweredBox[]> Boxes() => s_box.ListOf().Select(list => list.Take(6).ToArray()).ToArbitrary();
}
