using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Generation;
using Sightline.Generation.Constraints;
using Sightline.Tensors;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Generation.Constraints;

/// <summary>Whatever the model says, what comes out is an answer: random scores over a real vocabulary, and every token limit that can hold one.</summary>
public partial class AnswerConstraintTests
{
    private const int End = 858;
    private static readonly TokenVocabulary s_vocabulary = TokenVocabulary.Of((BytePairTokenizer)Tokenizer.Load(Fixtures.Path("models", "tiny-qwen2-vl")));

    public static TheoryData<string> Grammars => [.. s_grammars.Keys];

    private static readonly Dictionary<string, (AnswerConstraint Constraint, Action<string> Check)> s_grammars = new()
    {
        ["visual-rft"] = (Compile(AnswerGrammars.ThinkThenAnswer(AnswerGrammars.VisualRftBoxes(1000, 1000, most: 3), reserve: 30)), CheckVisualRft),
        ["visual-rft without empty"] = (Compile(AnswerGrammars.Answer(AnswerGrammars.VisualRftBoxes(1000, 1000, most: 2, mayBeEmpty: false))), CheckVisualRftBoxes),
        ["corners"] = (Compile(AnswerGrammars.ThinkThenAnswer(AnswerGrammars.Corners(1000, 1000))), CheckCorners),
        ["json"] = (Compile(AnswerGrammars.JsonBoxes(644, 476, ["a \"mug\"", "Tasse é", "cup"], most: 3)), text => CheckJson(text, ["a \"mug\"", "Tasse é", "cup"])),
        ["json, any label"] = (Compile(AnswerGrammars.JsonBoxes(28, 7, least: 1, most: 2, fenced: false)), text => CheckJson("```json\n" + text + "\n```", null)),
        ["own"] = (Compile(AnswerGrammars.Qwen2VlBoxes(1000, 1000, 861, 862, most: 2)), text => Assert.Matches(Own(), text)),
        ["label"] = (Compile(AnswerGrammars.Answer(AnswerGrammars.Label(["dog", "dogfish", "cat"]))), text => Assert.Contains(text, new[] { "<answer>dog</answer>", "<answer>dogfish</answer>", "<answer>cat</answer>" })),
        ["point"] = (Compile(AnswerGrammars.Point(1000, 3)), text => Assert.Matches("""^\((0|[1-9][0-9]{0,2}|1000),[0-3]\)$""", text)),
    };

    [Theory]
    [MemberData(nameof(Grammars))]
    public void Random_scores_give_answers_at_every_token_limit(string name)
    {
        var (constraint, check) = s_grammars[name];
        var least = constraint.LeastTokens(constraint.Start, stops: true);
        var property = Prop.ForAll(
            Gen.Choose(0, int.MaxValue).ToArbitrary(), Gen.Frequency((3, Gen.Choose(0, 12)), (1, Gen.Choose(13, 300))).ToArbitrary(),
            (seed, extra) => check(Decode(Sample(constraint, new RandomStream((ulong)seed), least + extra, [End], sharpness: 1 + (seed % 4)))));
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(60), property);
    }

    [Theory]
    [MemberData(nameof(Grammars))]
    public void Answers_without_a_stop_token_end_by_themselves(string name)
    {
        var (constraint, check) = s_grammars[name];
        for (var seed = 0; seed < 20; seed++)
            check(Decode(Sample(constraint, new RandomStream((ulong)seed), constraint.LeastTokens(constraint.Start, stops: false) + (seed % 5 * 10), [], sharpness: 2)));
    }

    [Theory]
    [InlineData("visual-rft", """<think>a < b </thin> ✓</think> <answer>[{'Position': [0, 5, 17, 1000], 'Confidence': 0.95}, {'Position': [999, 999, 1000, 1000], 'Confidence': 1.0}]</answer>""", true)]
    [InlineData("visual-rft", "<think></think>\n<answer>No Objects</answer>", true)]
    [InlineData("visual-rft", "<think></think><answer>[]</answer>", false)]
    [InlineData("visual-rft", "<think><answer></think><answer>No Objects</answer>", false)]
    [InlineData("visual-rft", "<think>\u0001</think><answer>No Objects</answer>", false)]
    [InlineData("visual-rft", "<think>x</think><answer>No Objects", false)]
    [InlineData("visual-rft", """<think>x</think><answer>[{'Position': [1, 5, 1, 7], 'Confidence': 0.95}]</answer>""", false)]
    [InlineData("visual-rft", """<think>x</think><answer>[{'Position': [1, 5, 2, 1001], 'Confidence': 0.95}]</answer>""", false)]
    [InlineData("visual-rft", """<think>x</think><answer>[{'Position': [01, 5, 2, 7], 'Confidence': 0.95}]</answer>""", false)]
    [InlineData("visual-rft", """<think>x</think><answer>[{'Position': [1, 5, 2, 7], 'Confidence': 1.1}]</answer>""", false)]
    [InlineData("corners", "<think>x</think><answer>(394,786),(532,787)</answer>", true)]
    [InlineData("corners", "<think>x</think><answer>(394,786),(532,786)</answer>", false)]
    [InlineData("json", "```json\n[\n\t{\"bbox_2d\": [1, 2, 644, 476], \"label\": \"Tasse é\"}\n]\n```", true)]
    [InlineData("json", "```json\n[]\n```", true)]
    [InlineData("json", "```json\n[{\"bbox_2d\": [1, 2, 645, 476], \"label\": \"cup\"}]\n```", false)]
    [InlineData("json", "```json\n[{\"bbox_2d\": [1, 2, 3, 4], \"label\": \"cat\"}]\n```", false)]
    [InlineData("json, any label", """[{"bbox_2d": [1, 2, 3, 4], "label": "日本 \n \" ok"}]""", true)]
    [InlineData("label", "<answer>dogfish</answer>", true)]
    [InlineData("label", "<answer>dogf</answer>", false)]
    public void A_grammar_holds_what_it_should(string name, string text, bool fits) =>
        Assert.Equal(fits, s_grammars[name].Constraint.Accepts(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void The_mask_is_what_byte_by_byte_following_says()
    {
        var (constraint, _) = s_grammars["visual-rft"];
        var random = new RandomStream(8);
        var mask = new ulong[(896 + 63) / 64];
        var place = constraint.Start;
        for (var step = 0; step < 60; step++)
        {
            constraint.Fill(mask, place, 1000, [End]);
            var choices = new List<int>();
            for (var id = 0; id < 896; id++)
            {
                var state = place.State;
                foreach (var value in s_vocabulary.Bytes(id)) state = state.Next(value);
                var allowed = (!s_vocabulary.IsSpecial(id) && s_vocabulary.Bytes(id).Length > 0 && !state.IsDead) || (id == End && place.State.IsAccepting);
                Assert.Equal(allowed, (mask[id >> 6] & (1UL << (id & 63))) != 0);
                if (allowed && id != End) choices.Add(id);
            }

            if (choices.Count == 0) break;
            place = constraint.Next(place, random.Choose(choices));
        }
    }

    [Fact]
    public void A_thought_leaves_room_for_its_answer()
    {
        var constraint = Compile(AnswerGrammars.ThinkThenAnswer(AnswerGrammars.VisualRftBoxes(1000, 1000, most: 3), reserve: 80));
        // scores that never want to stop thinking, and want boxes
        for (var seed = 0; seed < 10; seed++)
        {
            var ids = Sample(constraint, new RandomStream((ulong)seed), 300, [End], sharpness: 1, scores => scores[s_vocabularyIds["["]] = 50);
            Assert.Contains("'Position'", Decode(ids), StringComparison.Ordinal);
            Assert.InRange(ids.Count, 200, 300);
        }
    }

    private static readonly Dictionary<string, int> s_vocabularyIds = Enumerable.Range(0, 256).ToDictionary(id => Encoding.Latin1.GetString(s_vocabulary.Bytes(id)), id => id);

    [Fact]
    public void A_limit_below_the_shortest_answer_is_refused()
    {
        using var model = new ScriptedModel(vocabulary: 896);
        using var engine = new GenerationEngine(model, new GenerationOptions { CacheTokens = 512 }, s_vocabulary);
        var (constraint, check) = s_grammars["corners"];
        var least = constraint.LeastTokens(constraint.Start, stops: true);
        var request = new GenerationRequest { Prompt = new[] { 4 }, StopTokens = [End], Constraint = constraint, MaxTokens = least - 1, Sampling = new SamplingOptions { Temperature = 5 } };
        Assert.Contains($"{least} tokens", Assert.Throws<SightlineException>(() => engine.Submit(request)).Message, StringComparison.Ordinal);
        var result = engine.Run([request with { MaxTokens = least }])[0];
        check(result.Text);
        Assert.Equal(FinishReason.StopToken, result.Reason);
    }

    [Fact]
    public void The_whole_vocabulary_gives_answers_too()
    {
        var vocabulary = WholeVocabulary();
        var constraint = new AnswerConstraint(AnswerGrammars.ThinkThenAnswer(AnswerGrammars.VisualRftBoxes(1000, 1000), reserve: 40), vocabulary);
        var mask = new ulong[(vocabulary.Size + 63) / 64];
        var random = new RandomStream(2);
        for (var run = 0; run < 2; run++)
        {
            var (place, bytes) = (constraint.Start, new List<byte>());
            for (var left = 120; ; left--)
            {
                constraint.Fill(mask, place, left, [151645]);
                int[] allowed = [.. Enumerable.Range(0, vocabulary.Size).Where(id => (mask[id >> 6] & (1UL << (id & 63))) != 0)];
                var id = random.Choose(allowed);
                if (id == 151645) break;
                bytes.AddRange(vocabulary.Bytes(id));
                place = constraint.Next(place, id);
            }

            CheckVisualRft(Encoding.UTF8.GetString([.. bytes]));
        }
    }

    private static TokenVocabulary WholeVocabulary()
    {
        var folder = Directory.CreateTempSubdirectory("sightline-vocabulary-");
        using (var packed = new GZipStream(File.OpenRead(Fixtures.Path("tokenizers", "qwen2", "tokenizer.json.gz")), CompressionMode.Decompress))
        using (var target = File.Create(Path.Combine(folder.FullName, "tokenizer.json")))
        {
            packed.CopyTo(target);
        }

        File.Copy(Fixtures.Path("tokenizers", "qwen2", "tokenizer_config.json"), Path.Combine(folder.FullName, "tokenizer_config.json"));
        var vocabulary = TokenVocabulary.Of((BytePairTokenizer)Tokenizer.Load(folder.FullName));
        folder.Delete(recursive: true);
        return vocabulary;
    }

    private static AnswerConstraint Compile(AnswerGrammar grammar) => new(grammar, s_vocabulary);

    private static List<int> Sample(AnswerConstraint constraint, RandomStream random, int limit, int[] stops, int sharpness, Action<float[]>? bend = null) =>
        RandomAnswer.Sample(constraint, s_vocabulary, random, limit, stops, sharpness, bend);

    private static string Decode(List<int> ids) => RandomAnswer.Decode(s_vocabulary, ids, End);

    private static void CheckVisualRft(string text)
    {
        var parts = Regex.Match(text, "^<think>(.*?)</think>\\s*(<answer>.*</answer>)$", RegexOptions.Singleline);
        Assert.True(parts.Success, text);
        Assert.DoesNotContain("<answer>", parts.Groups[1].Value, StringComparison.Ordinal);
        CheckVisualRftBoxes(parts.Groups[2].Value);
    }

    private static void CheckVisualRftBoxes(string text)
    {
        var inner = text["<answer>".Length..^"</answer>".Length];
        if (inner == "No Objects") return;
        using var json = JsonDocument.Parse(inner.Replace('\'', '"'));
        Assert.InRange(json.RootElement.GetArrayLength(), 1, 3);
        foreach (var box in json.RootElement.EnumerateArray())
        {
            CheckBox(box.GetProperty("Position"), 1000, 1000);
            Assert.InRange(box.GetProperty("Confidence").GetDouble(), 0, 1);
        }
    }

    private static void CheckCorners(string text)
    {
        var parts = Regex.Match(text, @"^<think>.*</think>\s*<answer>\((\d+),(\d+)\),\((\d+),(\d+)\)</answer>$", RegexOptions.Singleline);
        Assert.True(parts.Success, text);
        using var json = JsonDocument.Parse($"[{string.Join(',', parts.Groups.Values.Skip(1).Select(group => group.Value))}]");
        CheckBox(json.RootElement, 1000, 1000);
    }

    private static void CheckJson(string text, string[]? labels)
    {
        Assert.StartsWith("```json\n", text, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(text["```json\n".Length..^"\n```".Length]);
        foreach (var box in json.RootElement.EnumerateArray())
        {
            CheckBox(box.GetProperty("bbox_2d"), 644, 476);
            var label = box.GetProperty("label").GetString()!;
            Assert.True(labels?.Contains(label) ?? label.Length <= 128, label);
        }
    }

    private static void CheckBox(JsonElement box, int width, int height)
    {
        int[] v = [.. box.EnumerateArray().Select(value => value.GetInt32())];
        Assert.True(v is [>= 0, >= 0, _, _] && v[0] < v[2] && v[1] < v[3] && v[2] <= width && v[3] <= height, box.GetRawText());
    }

    [GeneratedRegex(@"^(<\|box_start\|>\(\d+,\d+\),\(\d+,\d+\)<\|box_end\|>){1,2}$")]
    private static partial Regex Own();
}
