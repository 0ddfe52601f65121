using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Models;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Testing;
using Sightline.Text.Answers;
using Sightline.Text.Prompts;

namespace Sightline.Tests.Grounding;

/// <summary>What a vision-language model says, dictated or by random weights, as boxes of the picture.</summary>
[Collection(Alone.Name)]
public sealed class LanguageGroundingModelTests : TensorTest
{
    private const int End = 858;

    public static TheoryData<string, GroundingTask> EveryTask()
    {
        var data = new TheoryData<string, GroundingTask>();
        foreach (var model in (string[])["tiny-qwen2-vl", "tiny-qwen2_5-vl-bf16-sharded", "tiny-qwen3-vl-bf16"])
        {
            foreach (var task in Enum.GetValues<GroundingTask>()) data.Add(model, task);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(EveryTask))]
    public void Constrained_answers_of_random_weights_are_always_understood(string name, GroundingTask task)
    {
        using var grounder = Grounder.Load(Fixtures.Path("models", name));
        var picture = Photo(90, 60);
        for (var seed = 0UL; seed < 4; seed++)
        {
            var language = new LanguageOptions { IsConstrained = true, MaxTokens = 400, Sampling = new SamplingOptions { Seed = seed, Temperature = 2 } };
            var result = grounder.Ground(picture, ["red cup", "dog"], new GroundingOptions { Task = task, Language = language, OverlapThreshold = 1 });
            Assert.NotEmpty(result.Spoken);
            Assert.All(result.Spoken, spoken => Assert.True(spoken.IsUnderstood && spoken.Status is AnswerStatus.Complete or AnswerStatus.NothingThere, $"{spoken.Status}: {spoken.Problem} {spoken.Raw}"));
            Assert.All(result.Spoken, spoken => Assert.True(task != GroundingTask.Reasoning || spoken.Thinking is not null));
            Assert.All(result.Detections, found => AssertInside(found, picture));
            Assert.All(result.Points, point => Assert.Equal((picture.Frame, true), (point.Frame, point is { X: >= 0 and <= 90, Y: >= 0 and <= 60, Score: >= 0 and <= 1 })));
            if (task == GroundingTask.Classification) Assert.Contains(result.Label, new[] { "red cup", "dog" });
            if (task == GroundingTask.Detection) Assert.Equal(["red cup", "dog"], result.Answers.Select(answer => answer.Phrase));
        }
    }

    [Fact]
    public void Visual_rft_prompts_give_boxes_with_spoken_confidence()
    {
        using var grounder = Grounder.Load(Fixtures.Path("models", "tiny-qwen2-vl"), new WeightPlan(WeightFormat.Int8));
        var language = new LanguageOptions { IsConstrained = true, Prompt = "visual-rft/detection", MaxTokens = 300, Sampling = new SamplingOptions { Seed = 3 } };
        var result = grounder.Ground(Photo(90, 60), ["red cup", "dog"], new GroundingOptions { Task = GroundingTask.Detection, Language = language });
        Assert.Equal(2, result.Spoken.Count()); // the template asks for one category
        Assert.All(result.Spoken, spoken => Assert.Equal("visual-rft/detection@1", spoken.Prompt));
        Assert.All(result.Detections, found => Assert.Equal(found.SpokenConfidence, found.Score));
    }

    [Fact]
    public void Thousandths_become_pixels_of_the_picture()
    {
        using var dictated = new Dictation("tiny-qwen2-vl");
        var result = dictated.Ask("<|box_start|>(100,200),(500,1000)<|box_end|>", Photo(200, 50), GroundingTask.Phrase, "cup");
        var found = Assert.Single(result.Detections);
        Assert.Equal(new Box(20, 10, 100, 50, CoordinateFrame.Pixels(200, 50)), found.Box);
        Assert.Equal(found.Score, found.TokenConfidence);
        Assert.InRange(found.Score, 0.99, 1);
        Assert.Null(found.SpokenConfidence);
    }

    [Fact]
    public void Pixels_of_the_resized_picture_become_pixels_of_the_picture()
    {
        using var dictated = new Dictation("tiny-qwen2_5-vl");
        var picture = Photo(100, 50); // seen as 112 x 56
        Assert.Equal(CoordinateFrame.Pixels(112, 56), dictated.Processor.Images.Fit(picture).ResizedFrame);
        var result = dictated.Ask("```json\n[{\"bbox_2d\": [28, 0, 56, 56], \"label\": \"Dog\"}, {\"bbox_2d\": [0, 14, 112, 28], \"label\": \"cat\"}]\n```", picture, GroundingTask.Detection, "cup", "dog");
        Assert.Empty(result.Answers[0].Detections);
        var box = Assert.Single(result.Answers[1].Detections).Box;
        Assert.Equal((25.0, 0.0, 50.0, 50.0), (Math.Round(box.X1, 9), box.Y1, Math.Round(box.X2, 9), Math.Round(box.Y2, 9)));
        Assert.Contains("1 of 2 boxes have a label that was not asked for and were left out: 'cat'", Assert.Single(result.Spoken).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_of_another_frame_are_no_boxes_but_a_problem_with_the_numbers()
    {
        using var dictated = new Dictation("tiny-qwen2-vl");
        var result = dictated.Ask("<|box_start|>(100,200),(1500,1900)<|box_end|>", Photo(200, 50), GroundingTask.Phrase, "cup");
        Assert.Empty(result.Detections);
        var spoken = Assert.Single(result.Spoken);
        Assert.Equal((AnswerStatus.WrongFrame, false), (spoken.Status, spoken.IsUnderstood));
        Assert.Contains("(1500, 1900)", spoken.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Thoughts_confidences_names_points_and_nothing_are_read()
    {
        using var dictated = new Dictation("tiny-qwen2-vl");
        var picture = Photo(100, 100);
        var thought = dictated.Ask("<think>the cold one</think><answer>(0,0),(100,100)</answer>", picture, GroundingTask.Reasoning, "what is cold?");
        Assert.Equal("the cold one", Assert.Single(thought.Spoken).Thinking);
        Assert.Equal(10, Assert.Single(thought.Detections).Box.X2);
        var sure = dictated.Ask("<think>a</think><answer>[{'Position': [0, 0, 500, 500], 'Confidence': 0.25}]</answer>", picture, GroundingTask.Detection, "visual-rft/detection", ["cup"]);
        Assert.Equal((0.25, 0.25), (Assert.Single(sure.Detections).Score, sure.Detections[0].SpokenConfidence));
        var named = dictated.Ask("Dog.", picture, GroundingTask.Classification, "cup", "dog");
        Assert.Equal("dog", named.Label);
        Assert.InRange(named.LabelScore, 0.99, 1);
        Assert.Equal([0, named.LabelScore], named.Answers.Select(answer => answer.Presence));
        var none = dictated.Ask("none", picture, GroundingTask.Classification, "cup", "none");
        Assert.Equal(("none", true), (none.Label, none.Spoken.Single().IsUnderstood));
        Assert.InRange(none.LabelScore, 0.99, 1);
        var pointed = dictated.Ask("(500,250)", picture, GroundingTask.Pointing, "cup");
        Assert.Equal((50.0, 25.0), (Assert.Single(pointed.Points).X, pointed.Points[0].Y));
        var nothing = dictated.Ask("No Objects", picture, GroundingTask.Phrase, "cup");
        Assert.Equal((AnswerStatus.NothingThere, true), (nothing.Spoken.Single().Status, nothing.Spoken.Single().IsUnderstood));
        var prose = dictated.Ask("I see a cup.", picture, GroundingTask.Phrase, "cup");
        Assert.Equal((AnswerStatus.Malformed, false), (prose.Spoken.Single().Status, prose.Spoken.Single().IsUnderstood));
    }

    [Fact]
    public void A_caption_gives_its_own_phrases()
    {
        using var dictated = new Dictation("tiny-qwen2-vl");
        var result = dictated.Ask(
            "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>(0,0),(100,100)<|box_end|> beside <|object_ref_start|>a car<|object_ref_end|><|box_start|>(500,500),(900,900)<|box_end|>",
            Photo(100, 100), GroundingTask.Caption, "a dog beside a car");
        Assert.Equal(["a dog", "a car"], result.Answers.Select(answer => answer.Phrase));
        Assert.All(result.Answers, answer => Assert.Single(answer.Detections));
        Assert.Contains("beside a car", PromptGrammars.WordsOf("A dog, beside a car."));
        Assert.Contains("A dog", PromptGrammars.WordsOf("A dog, beside a car."));
    }

    [Theory]
    [InlineData(20, 20)]
    [InlineData(1, 1)]
    [InlineData(400, 2)]
    public void Strange_shapes_are_seen(int width, int height)
    {
        using var dictated = new Dictation("tiny-qwen2-vl");
        var result = dictated.Ask("<|box_start|>(0,0),(1000,1000)<|box_end|>", Photo(width, height), GroundingTask.Phrase, "all");
        Assert.Equal(new Box(0, 0, width, height, CoordinateFrame.Pixels(width, height)), Assert.Single(result.Detections).Box);
    }

    [Fact]
    public void What_cannot_be_asked_is_one_sentence_before_any_work()
    {
        using var grounder = Grounder.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        var picture = Photo(90, 60);
        AssertRefused(ErrorKind.BadPicture, "too long for this model", Photo(402, 2), new LanguageOptions());
        AssertRefused(ErrorKind.NotFound, "there is no prompt template 'no/such'; there are qwen/caption@1", picture, new LanguageOptions { Prompt = "no/such" });
        AssertRefused(ErrorKind.Usage, "asks for label, but boxes are wanted", picture, new LanguageOptions { Prompt = "qwen/classification" });
        AssertRefused(ErrorKind.Usage, "has no place 'colour'", picture, new LanguageOptions { Values = [("colour", "red")] });
        AssertRefused(ErrorKind.Usage, "exceed the model's 32768: give fewer or smaller pictures", Photo(5600, 5600), new LanguageOptions { MaxPixels = 5600 * 5600 });
        AssertRefused(ErrorKind.Usage, "exceed the model's 32768: shorten the text or the answer", picture, new LanguageOptions(), string.Concat(Enumerable.Repeat("dog ", 40_000)));
        Assert.Single(grounder.Ground(picture, ["dog"], new GroundingOptions { Language = new LanguageOptions { MaxTokens = 4 } }).Spoken); // still of use

        void AssertRefused(ErrorKind kind, string sentence, Picture shown, LanguageOptions language, string phrase = "dog")
        {
            var error = Assert.Throws<SightlineException>(() => grounder.Ground(shown, [phrase], new GroundingOptions { Language = language }));
            Assert.Equal(kind, error.Kind);
            Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Too_little_memory_is_one_sentence_and_the_next_question_is_answered()
    {
        using var grounder = Grounder.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        Sightline.Tensors.Memory.NativePool.Shared.Trim();
        using (new ScarceMemory(1 << 20))
        {
            var error = Assert.Throws<SightlineException>(() => grounder.Ground(Photo(2800, 1400), ["dog"], new GroundingOptions { Language = new LanguageOptions { MaxPixels = 2800 * 1400 } }));
            Assert.Equal(ErrorKind.OutOfMemory, error.Kind);
            Assert.Matches("not enough memory for .* tokens.*--max-pixels", error.Message);
        }

        Assert.Single(grounder.Ground(Photo(90, 60), ["dog"], new GroundingOptions { Language = new LanguageOptions { MaxTokens = 4 } }).Spoken);
    }

    [Fact]
    public void Pictures_shown_before_are_in_the_prompt_and_boxes_are_of_the_last()
    {
        using var dictated = new Dictation("tiny-qwen2_5-vl");
        var language = new LanguageOptions { Context = [Photo(56, 56), Photo(84, 28)], NumberPictures = true };
        var result = dictated.Ask("```json\n[{\"bbox_2d\": [0, 0, 112, 28], \"label\": \"cup\"}]\n```", Photo(100, 50), GroundingTask.Phrase, language, ["the cup of Picture 1"]);
        Assert.Equal(new Box(0, 0, 100, 25, CoordinateFrame.Pixels(100, 50)), Assert.Single(result.Detections).Box);
        var prompt = dictated.Prompt;
        var tokens = language.Context.Append(Photo(100, 50)).Sum(picture => dictated.Processor.Images.Fit(picture).Grid.Tokens());
        Assert.Equal(tokens, prompt.Split("<|image_pad|>").Length - 1);
        Assert.EndsWith("Picture 1: <|vision_start|><|vision_end|>Picture 2: <|vision_start|><|vision_end|>Picture 3: <|vision_start|><|vision_end|>Locate the cup of Picture 1, output its bbox coordinates using JSON format.<|im_end|>\n<|im_start|>assistant\n", prompt.Replace("<|image_pad|>", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cancelling_ends_within_a_token()
    {
        using var grounder = Grounder.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        using var cancel = new CancellationTokenSource();
        var counter = new Counter(count =>
        {
            if (count == 3) cancel.Cancel();
        });
        var options = new GroundingOptions { Language = new LanguageOptions { Progress = counter, MaxTokens = 2000, Sampling = new SamplingOptions { Temperature = 50 } } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grounder.GroundAsync(Photo(90, 60), ["dog"], options, cancel.Token));
        Assert.Equal(3, counter.Count);
        Assert.Single(grounder.Ground(Photo(90, 60), ["dog"], new GroundingOptions { Language = new LanguageOptions { MaxTokens = 4 } }).Spoken);
    }

    private static void AssertInside(Detection found, Picture picture)
    {
        Assert.Equal(picture.Frame, found.Box.Frame);
        Assert.True(found.Box is { IsEmpty: false, X1: >= 0, Y1: >= 0 } && found.Box.X2 <= picture.Width && found.Box.Y2 <= picture.Height);
        Assert.InRange(found.Score, 0, 1);
        Assert.InRange(found.TokenConfidence!.Value, 0, 1);
    }

    private static Picture Photo(int width, int height)
    {
        var rgb = new byte[width * height * 3];
        for (var i = 0; i < rgb.Length; i++) rgb[i] = (byte)(i * 31 % 251);
        return new Picture(width, height, rgb);
    }

    private sealed class Counter(Action<int> seen) : IProgress<GroundingProgress>
    {
        public int Count { get; private set; }

        public void Report(GroundingProgress value) => seen(++Count);
    }

    private sealed class Dictation : IDisposable
    {
        private readonly PublishedModel<QwenVlModel> _loaded;
        private readonly DictatedModel _model;
        private readonly LanguageGroundingModel _grounding;

        public Dictation(string name)
        {
            Processor = QwenVlProcessor.Load(Fixtures.Path("models", name));
            _loaded = QwenVlModel.Load(Fixtures.Path("models", name));
            _model = new DictatedModel(_loaded.Model, Processor.Tokenizer, End);
            _grounding = new LanguageGroundingModel(_model, Processor, [End]);
        }

        public QwenVlProcessor Processor { get; }

        public GroundingResult Ask(string answer, Picture picture, GroundingTask task, params string[] phrases) => Ask(answer, picture, task, new LanguageOptions(), phrases);

        public GroundingResult Ask(string answer, Picture picture, GroundingTask task, string? prompt, string[] phrases) => Ask(answer, picture, task, new LanguageOptions { Prompt = prompt }, phrases);

        public GroundingResult Ask(string answer, Picture picture, GroundingTask task, LanguageOptions language, string[] phrases)
        {
            _model.Say(answer);
            return Grounder.For(_grounding).Ground(picture, phrases, new GroundingOptions { Task = task, OverlapThreshold = 1, Language = language });
        }

        /// <summary>The last prompt as text.</summary>
        public string Prompt => Processor.Tokenizer.Decode(_model.Prompt);

        public void Dispose()
        {
            _grounding.Dispose();
            _loaded.Dispose();
        }
    }
}
