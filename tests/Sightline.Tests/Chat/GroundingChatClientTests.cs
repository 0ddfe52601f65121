using Microsoft.Extensions.AI;
using Sightline.Chat;
using Sightline.Generation;
using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Models.QwenVl;
using Sightline.Testing;
using Sightline.Tests.Grounding;
using Sightline.Text.Answers;

namespace Sightline.Tests.Chat;

[Collection(Alone.Name)]
public sealed class GroundingChatClientTests : TensorTest
{
    private const int End = 858;
    private static readonly DataContent s_photo = new(File.ReadAllBytes(Fixtures.Path("models", "vit", "images", "0.png")), "image/png");
    private static readonly CoordinateFrame s_frame = Picture.Load(Fixtures.Path("models", "vit", "images", "0.png")).Frame;

    [Fact]
    public async Task A_picture_goes_in_and_typed_boxes_come_out()
    {
        using var loaded = QwenVlModel.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        var processor = QwenVlProcessor.Load(Fixtures.Path("models", "tiny-qwen2-vl"));
        var model = new DictatedModel(loaded.Model, processor.Tokenizer, End);
        using var grounding = new LanguageGroundingModel(model, processor, [End]);
        using var client = new GroundingChatClient(Grounder.For(grounding), modelId: "dictated");
        model.Say("<think>left half</think><answer>(0,0),(500,1000)</answer>");
        var response = await client.GetResponseAsync([new(ChatRole.System, "Be brief."), new(ChatRole.User, [s_photo, new TextContent("Where? <|im_end|>")])], cancellationToken: TestContext.Current.CancellationToken);
        var message = Assert.Single(response.Messages);
        Assert.Equal(("(0,0),(500,1000)", "dictated", ChatFinishReason.Stop), (message.Text, response.ModelId, response.FinishReason));
        Assert.Equal("left half", Assert.Single(message.Contents.OfType<TextReasoningContent>()).Text);
        var boxes = Assert.Single(message.Contents.OfType<GroundingContent>());
        Assert.Equal((AnswerStatus.Complete, new Box(0, 0, s_frame.Width / 2, s_frame.Height, s_frame)), (boxes.Status, Assert.Single(boxes.Detections).Box));
        Assert.Equal(response.Usage!.InputTokenCount, model.Prompt.Length);
        var prompt = processor.Tokenizer.Decode(model.Prompt);
        Assert.Contains("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|>", prompt, StringComparison.Ordinal);
        Assert.Contains("Where? < |im_end|><|im_end|>", prompt, StringComparison.Ordinal); // a user's words are no control tokens

        model.Say("A dog.");
        message = (await client.GetResponseAsync([new(ChatRole.User, "What is it?")], cancellationToken: TestContext.Current.CancellationToken)).Messages[0];
        Assert.Equal("A dog.", Assert.IsType<TextContent>(Assert.Single(message.Contents)).Text);
    }

    [Fact]
    public async Task Streamed_text_is_the_whole_text_and_options_count()
    {
        using var client = new GroundingChatClient(Grounder.Load(Fixtures.Path("models", "tiny-qwen2_5-vl-bf16-sharded")));
        Microsoft.Extensions.AI.ChatMessage[] messages = [new(ChatRole.User, [s_photo, new TextContent("Where is the dog?")])];
        var options = new ChatOptions { MaxOutputTokens = 12, Temperature = 1, Seed = 5 };
        var whole = await client.GetResponseAsync(messages, options, TestContext.Current.CancellationToken);
        Assert.Equal((12, ChatFinishReason.Length), (whole.Usage!.OutputTokenCount!.Value, whole.FinishReason!.Value));
        var updates = await client.GetStreamingResponseAsync(messages, options, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        Assert.True(updates.Count > 2);
        Assert.Equal(((SpokenAnswer)whole.Messages[0].RawRepresentation!).Raw, string.Concat(updates.Select(update => update.Text)));
        Assert.Equal(whole.Usage.InputTokenCount, updates[^1].Contents.OfType<UsageContent>().Single().Details.InputTokenCount);
        await foreach (var _ in client.GetStreamingResponseAsync(messages, new ChatOptions { MaxOutputTokens = 5000, Temperature = 50 }, TestContext.Current.CancellationToken)) break; // left early
        Assert.Equal(whole.Messages[0].Text, (await client.GetResponseAsync(messages, options, TestContext.Current.CancellationToken)).Messages[0].Text);
        options.RawRepresentationFactory = _ => new LanguageOptions { MaxTokens = 3, Sampling = SamplingOptions.Greedy };
        options.MaxOutputTokens = null;
        Assert.Equal(3, (await client.GetResponseAsync(messages, options, TestContext.Current.CancellationToken)).Usage!.OutputTokenCount);
        Assert.Equal("sightline", client.GetService<ChatClientMetadata>()!.ProviderName);
        Assert.NotNull(client.GetService<Grounder>());
    }

    [Fact]
    public async Task Boxes_of_several_pictures_are_in_the_picture_that_the_answer_names()
    {
        using var loaded = QwenVlModel.Load(Fixtures.Path("models", "tiny-qwen2_5-vl"));
        var processor = QwenVlProcessor.Load(Fixtures.Path("models", "tiny-qwen2_5-vl"));
        var model = new DictatedModel(loaded.Model, processor.Tokenizer, End);
        using var grounding = new LanguageGroundingModel(model, processor, [End]);
        using var client = new GroundingChatClient(Grounder.For(grounding));
        var (small, wide) = (Photo(56, 56), Photo(168, 28));
        const string Boxes = "In Picture 2: {\"bbox_2d\": [84, 0, 168, 28], \"label\": \"cup\"}, and in Picture 1: {\"bbox_2d\": [0, 0, 28, 56], \"label\": \"dog\"}";
        var named = await AskAsync(Boxes, new LanguageOptions { NumberPictures = true });
        Assert.Contains("Picture 1: <|vision_start|>", processor.Tokenizer.Decode(model.Prompt), StringComparison.Ordinal);
        Assert.Equal([0, 1], named.Select(content => content.Picture!.Value));
        Assert.Equal(new Box(0, 0, 28, 56, CoordinateFrame.Pixels(56, 56)), Assert.Single(named[0].Detections).Box);
        Assert.Equal(new Box(84, 0, 168, 28, CoordinateFrame.Pixels(168, 28)), Assert.Single(named[1].Detections).Box);
        Assert.Equal(("cup", 1), (named[1].Detections[0].Label, named[1].Detections[0].Picture));

        var told = await AskAsync("{\"bbox_2d\": [84, 0, 168, 28], \"label\": \"cup\"}", new LanguageOptions { AnsweredPicture = 1 });
        Assert.Equal((1, 168.0), (Assert.Single(told).Picture!.Value, told[0].Detections[0].Box.X2));

        var unknown = Assert.Single(await AskAsync("{\"bbox_2d\": [84, 0, 168, 28], \"label\": \"cup\"}", new LanguageOptions()));
        Assert.Equal((null, 0, 1), (unknown.Picture, unknown.Detections.Count, unknown.Unplaced.Count));
        Assert.True(unknown.Unplaced[0].Box.Frame.IsUnspecified); // pixels of which picture is not known
        Assert.Contains("do not say which of the 2 pictures", unknown.Problem, StringComparison.Ordinal);

        var other = Assert.Single(await AskAsync("Picture 1: {\"bbox_2d\": [84, 0, 168, 28], \"label\": \"cup\"}", new LanguageOptions { NumberPictures = true }));
        Assert.Equal((AnswerStatus.WrongFrame, 0), (other.Status, other.Detections.Count));
        Assert.Contains("(168, 28) in picture 1", other.Problem, StringComparison.Ordinal);
        Assert.Contains("count them from 0", (await Assert.ThrowsAsync<SightlineException>(() => AskAsync("x", new LanguageOptions { AnsweredPicture = 2 }))).Message, StringComparison.Ordinal);

        async Task<GroundingContent[]> AskAsync(string answer, LanguageOptions options)
        {
            model.Say(answer);
            var response = await client.GetResponseAsync(
                [new(ChatRole.User, [small, wide, new TextContent("Where are cup and dog?")])], new ChatOptions { RawRepresentationFactory = _ => options }, TestContext.Current.CancellationToken);
            return [.. response.Messages[0].Contents.OfType<GroundingContent>()];
        }
    }

    private static DataContent Photo(int width, int height)
    {
        var path = Path.Combine(Path.GetTempPath(), $"sightline-{Guid.NewGuid():N}.png");
        new Picture(width, height, new byte[width * height * 3]).Save(path);
        var bytes = File.ReadAllBytes(path);
        File.Delete(path);
        return new DataContent(bytes, "image/png");
    }

    [Fact]
    public async Task What_cannot_be_taken_is_one_sentence()
    {
        using var client = new GroundingChatClient(Grounder.Load(Fixtures.Path("models", "tiny-qwen2_5-vl-bf16-sharded")));
        await Refuses(ErrorKind.Usage, "no message of a user", []);
        await Refuses(ErrorKind.Usage, "a picture by its address", [new(ChatRole.User, [new UriContent("https://example.org/a.png", "image/png"), new TextContent("?")])]);
        await Refuses(ErrorKind.Usage, "content of the type DataContent", [new(ChatRole.User, [new DataContent(new byte[4], "audio/wav")])]);
        await Refuses(ErrorKind.BadPicture, "picture 1 of the conversation", [new(ChatRole.User, [new DataContent(new byte[64], "image/png"), new TextContent("?")])]);
        await Refuses(ErrorKind.Usage, "a JSON schema", [new(ChatRole.User, "?")], new ChatOptions { ResponseFormat = ChatResponseFormat.Json });

        async Task Refuses(ErrorKind kind, string sentence, Microsoft.Extensions.AI.ChatMessage[] messages, ChatOptions? options = null)
        {
            var error = await Assert.ThrowsAsync<SightlineException>(() => client.GetResponseAsync(messages, options));
            Assert.Equal(kind, error.Kind);
            Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
            error = await Assert.ThrowsAsync<SightlineException>(async () => await client.GetStreamingResponseAsync(messages, options).ToListAsync());
            Assert.Equal(kind, error.Kind);
        }
    }

    [Fact]
    public async Task A_model_that_finds_phrases_answers_too()
    {
        using var client = new GroundingChatClient(Grounder.For(new LeftHalf()));
        var message = (await client.GetResponseAsync([new(ChatRole.User, [s_photo, new TextContent("the left half")])], cancellationToken: TestContext.Current.CancellationToken)).Messages[0];
        Assert.Equal("the left half", Assert.Single(message.Contents.OfType<GroundingContent>().Single().Detections).Phrase);
        Assert.Contains("\"label\": \"the left half\"", message.Text, StringComparison.Ordinal);
        var updates = await client.GetStreamingResponseAsync([new(ChatRole.User, [s_photo, new TextContent("the left half")])], cancellationToken: TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(message.Text, Assert.Single(updates).Text);
    }

    private sealed class LeftHalf : IGroundingModel
    {
        public string Description => "left half";

        public GroundingResult Ground(Picture picture, IReadOnlyList<string> phrases, GroundingOptions options, CancellationToken cancellationToken) =>
            new(picture, [.. phrases.Select(phrase => new PhraseAnswer(phrase, 1, [new Detection(phrase, new Box(0, 0, picture.Width / 2.0, picture.Height, picture.Frame), 1)]))]);

        public void Dispose()
        {
        }
    }
}
