using System.Text.Json;
using Sightline.Imaging;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>The commands that ask about a picture, with models of both kinds.</summary>
public class AskTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly string s_language = Fixtures.Path("models", "tiny-qwen3-vl-bf16");

    [Theory]
    [InlineData("ground", "phrase")]
    [InlineData("detect", "detection")]
    [InlineData("reason", "reasoning")]
    [InlineData("point", "pointing")]
    [InlineData("classify", "classification")]
    public async Task Every_command_works_with_both_kinds_of_model(string command, string prompt)
    {
        var run = await CommandLineRun.Of(command, tiny.Photo, "red cell", "a star", "-m", s_language, "--constrained", "--temperature", "1", "--seed", "7", "--max-tokens", "300", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var answers = JsonDocument.Parse(run.Out);
        Assert.All(answers.RootElement.GetProperty("questions").EnumerateArray(), question =>
        {
            Assert.Equal($"qwen/{prompt}@1", question.GetProperty("prompt").GetString());
            Assert.True(question.GetProperty("understood").GetBoolean());
        });
        var again = await CommandLineRun.Of(command, tiny.Photo, "red cell", "a star", "-m", s_language, "--constrained", "--temperature", "1", "--seed", "7", "--max-tokens", "300", "--json");
        Assert.Equal(run.Out, again.Out);
        var boxes = await CommandLineRun.Of(command, tiny.Photo, "red cell", "a star", "-m", tiny.Model, "--json");
        Assert.Equal((0, ""), (boxes.ExitCode, boxes.Error));
        Assert.DoesNotContain("questions", boxes.Out);
    }

    [Theory]
    [InlineData("--int8")]
    [InlineData("--int4")]
    [InlineData("--bf16")]
    public async Task Weights_are_kept_as_asked_and_pictures_are_annotated(string weights)
    {
        var file = tiny.At($"found{weights}.png");
        var run = await CommandLineRun.Of("ground", tiny.Photo, "red cell", "-m", s_language, "--constrained", weights, "--output", file);
        Assert.Equal((0, $"wrote {file}"), (run.ExitCode, run.Sentence));
        Assert.Equal(80, Picture.Load(file).Width);
        Assert.Contains("red cell", run.Out);
    }

    [Fact]
    public async Task An_answer_that_is_not_understood_is_not_nothing_here()
    {
        var run = await CommandLineRun.Of("ground", tiny.Photo, "red cell", "-m", s_language, "--max-tokens", "8", "--no-picture");
        Assert.Equal((int)ErrorKind.CheckFailed, run.ExitCode);
        Assert.Contains("not understood", run.Out);
        Assert.StartsWith("warning: ", run.Sentence);
    }

    [Theory]
    [InlineData("--int8 --int4", ErrorKind.Usage, "--int8, --int4 and --bf16 exclude each other")]
    [InlineData("--prompt no/such", ErrorKind.NotFound, "there is no prompt template 'no/such'")]
    [InlineData("--prompt qwen/classification", ErrorKind.Usage, "asks for label, but boxes are wanted")]
    [InlineData("--value colour", ErrorKind.Usage, "--value takes PLACE=TEXT")]
    [InlineData("--max-tokens 0", ErrorKind.Usage, "--max-tokens must be from 1")]
    [InlineData("--constrained --max-tokens 5", ErrorKind.Usage, "the shortest answer that the grammar allows may take")]
    public async Task Wrong_options_are_one_sentence(string options, ErrorKind kind, string sentence)
    {
        var run = await CommandLineRun.Of(["ground", tiny.Photo, "red cell", "-m", s_language, .. options.Split(' ')]);
        Assert.Equal((int)kind, run.ExitCode);
        Assert.Contains(sentence, run.Sentence);
    }

    [Fact]
    public async Task What_a_model_cannot_do_is_one_sentence()
    {
        await Expect(ErrorKind.Usage, "cannot tell which words of a caption", "ground", tiny.Photo, "a red cell", "-m", tiny.Model, "--caption");
        await Expect(ErrorKind.Usage, "takes no prompt", "detect", tiny.Photo, "cell", "-m", tiny.Model, "--prompt", "visual-rft/detection");
        await Expect(ErrorKind.Usage, "needs some to choose from", "classify", tiny.Photo, "-m", tiny.Model);
        await Expect(ErrorKind.Usage, "kept as stored, in int8 or in int4", "ground", tiny.Photo, "cell", "-m", tiny.Model, "--bf16");
        await Expect(ErrorKind.Usage, "lists names to choose from", "classify", tiny.Photo, "-m", s_language);
        await Expect(ErrorKind.BadModel, "the architecture 'vit' cannot ground phrases", "ground", tiny.Photo, "cell", "-m", Fixtures.Path("models", "vit"));
        var thin = tiny.At("thin.png");
        new Picture(402, 2, new byte[402 * 2 * 3]).Save(thin);
        await Expect(ErrorKind.BadPicture, "too long for this model", "ground", thin, "cell", "-m", s_language);

        static async Task Expect(ErrorKind kind, string sentence, params string[] arguments)
        {
            var run = await CommandLineRun.Of(arguments);
            Assert.Equal((int)kind, run.ExitCode);
            Assert.Contains(sentence, run.Sentence);
            Assert.Equal("", run.Out);
        }
    }

    [Fact]
    public async Task Cancelled_questions_end_with_130()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        var run = await CommandLineRun.Of(cancelled.Token, "reason", tiny.Photo, "what is red?", "-m", s_language, "--no-picture");
        Assert.Equal((ExitCode.Interrupted, "stopped"), (run.ExitCode, run.Sentence));
    }
}
