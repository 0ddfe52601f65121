using FsCheck;
using FsCheck.Fluent;
using Sightline.Generation;
using Sightline.Generation.Constraints;
using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Tensors;
using Sightline.Testing;
using Sightline.Tests.Generation.Constraints;
using Sightline.Text;
using Sightline.Text.Answers;
using Sightline.Text.Prompts;

namespace Sightline.Tests.Grounding;

/// <summary>The grammar of every shipped template: whatever a model wants to say, in whatever frame, about whatever is asked, its answer is read as one.</summary>
public class PromptGrammarTests
{
    private const int End = 858;
    private static readonly ITokenizer s_tokenizer = Tokenizer.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
    private static readonly TokenVocabulary s_vocabulary = TokenVocabulary.Of((BytePairTokenizer)s_tokenizer);

    private static readonly string[][] s_phrases =
    [
        ["dog"], ["red cup", "dog", "Dog", "dogfish"], ["a \"mug\"", "Tasse é", "{'x': [1, 2]}", "back\\slash"], ["<|box_start|>", "</answer>", "(1,2),(3,4)"], [" spaced  out ", "St. Bernard.", "'quoted'", "日本"],
        ["line\nbreak", "tab\there"], ["none"], ["A dog, a cat and two very small birds sit beside the old red car; nobody drives it."],
    ];

    private static readonly CoordinateFrame[] s_frames = [CoordinateFrame.Thousandths, CoordinateFrame.Pixels(28, 28), CoordinateFrame.Pixels(644, 476), CoordinateFrame.Pixels(5600, 28)];

    public static TheoryData<string> Templates => [.. PromptLibrary.All.Select(template => template.Id)];

    [Theory]
    [MemberData(nameof(Templates))]
    public void No_malformed_answer_can_come_out(string id)
    {
        var template = PromptLibrary.Get(id);
        var property = Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), Gen.Choose(0, s_phrases.Length - 1).ToArbitrary(), Gen.Choose(0, s_frames.Length - 1).ToArbitrary(), (seed, which, where) =>
        {
            var (phrases, frame) = (s_phrases[which], template.Frame ?? s_frames[where]);
            if (template is { HasThinking: true, Kind: AnswerKind.Label } && phrases.Contains("</answer>"))
            {
                Assert.Contains("spells a tag", Assert.Throws<SightlineException>(() => PromptGrammars.Of(template, phrases, frame, s_tokenizer, 1)).Message, StringComparison.Ordinal);
                return;
            }

            var constraint = new AnswerConstraint(PromptGrammars.Of(template, phrases, frame, s_tokenizer, most: 1 + (seed % 4)), s_vocabulary);
            var random = new RandomStream((ulong)seed);
            int[] stops = seed % 3 == 0 ? [] : [End];
            var limit = constraint.LeastTokens(constraint.Start, stops.Length > 0) + random.NextInt(random.NextInt(3) == 0 ? 250 : 20);
            var ids = RandomAnswer.Sample(constraint, s_vocabulary, random, limit, stops, sharpness: 1 + (seed % 5), sampling: new SamplingOptions { Temperature = 2, TopP = seed % 2 == 0 ? 1 : 0.9f, RepetitionPenalty = seed % 7 == 0 ? 1.3f : 1 });
            var text = RandomAnswer.Decode(s_vocabulary, ids, End);
            Check(template, phrases, frame, template.Read(text, frame), text);
        });
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(25), property);
    }

    private static void Check(PromptTemplate template, string[] phrases, CoordinateFrame frame, GroundedAnswer answer, string text)
    {
        Assert.True(answer.Status is AnswerStatus.Complete or AnswerStatus.NothingThere, $"{answer.Status}: {answer.Problem} in {text}");
        Assert.Equal(template.HasThinking, answer.Thinking is not null);
        Assert.All(answer.Boxes, found => Assert.True(found.Box is { IsEmpty: false, X1: >= 0, Y1: >= 0 } && found.Box.X2 <= frame.Width && found.Box.Y2 <= frame.Height, text));
        Assert.All(answer.Points, point => Assert.True(point is { X: >= 0, Y: >= 0 } && point.X <= frame.Width && point.Y <= frame.Height, text));
        Assert.Equal(answer.Status == AnswerStatus.Complete, answer.Boxes.Count + answer.Points.Count > 0 || answer.Label is not null);
        if (template.Task is GroundingTask.Detection && template.Places.Contains("labels")) Assert.All(answer.Boxes, found => Assert.Contains(phrases, phrase => LanguageAnswers.IsSame(found.Label, phrase)));
        if (template.Task is GroundingTask.Caption) Assert.All(answer.Boxes, found => Assert.Contains(PromptGrammars.WordsOf(phrases[0]), words => LanguageAnswers.IsSame(found.Label, words)));
        if (template.Kind == AnswerKind.Label && answer.Status == AnswerStatus.Complete) Assert.Contains(phrases, phrase => LanguageAnswers.IsSame(answer.Label, phrase));
    }
}
