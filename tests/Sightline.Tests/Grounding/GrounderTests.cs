using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Memory;
using Sightline.Testing;
using Sightline.Tests.Models;

namespace Sightline.Tests.Grounding;

[Collection(Alone.Name)]
public sealed class GrounderTests : IDisposable
{
    private static readonly GroundingOptions Everything = new() { Threshold = 0, MaximumDetections = 5 };
    private readonly long _liveBefore = NativePool.Shared.LiveBytes;
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-model-").FullName;

    public GrounderTests()
    {
        using var model = TinyFusion.Model();
        FusionFolder.Save(_folder, model, TinyFusion.TokenizerFolder);
    }

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public async Task A_folder_and_a_picture_give_boxes_in_the_picture()
    {
        using var grounder = Grounder.Load(_folder);
        Assert.Contains("canvas 64 x 64", grounder.Description, StringComparison.Ordinal);
        var picture = TinyFusion.Picture(120, 50);
        var result = await grounder.GroundAsync(picture, ["red star", "the largest ring"], Everything);
        Assert.Equal(["red star", "the largest ring"], result.Answers.Select(answer => answer.Phrase));
        Assert.Equal(10, result.Detections.Count);
        Assert.Equal(result.Detections.OrderByDescending(found => found.Score), result.Detections);
        foreach (var found in result.Detections)
        {
            Assert.Equal(CoordinateFrame.Pixels(120, 50), found.Box.Frame);
            Assert.True(found.Box is { X1: >= 0, Y1: >= 0, X2: <= 120, Y2: <= 50, IsEmpty: false });
            Assert.InRange(found.Score, 0, 1);
            var crop = result.Crop(found, margin: 0.1);
            Assert.True(crop.Width > 0 && crop.Height > 0);
        }
    }

    [Fact]
    public void A_phrase_is_answered_alike_alone_with_others_and_asked_again()
    {
        using var grounder = Grounder.Load(_folder);
        var picture = TinyFusion.Picture();
        var first = grounder.Ground(picture, ["red star"], Everything).Answers[0];
        Same(first, grounder.Ground(picture, ["red star"], Everything).Answers[0]);
        _ = grounder.Ground(picture, ["ring", "blue dot"], Everything);
        Same(first, grounder.Ground(picture, ["red star"], Everything).Answers[0]);

        static void Same(PhraseAnswer expected, PhraseAnswer actual)
        {
            Assert.Equal(expected.Presence, actual.Presence);
            Assert.Equal(expected.Detections, actual.Detections);
        }
    }

    [Fact]
    public void A_high_threshold_finds_nothing()
    {
        using var grounder = Grounder.Load(_folder);
        var answer = grounder.Ground(TinyFusion.Picture(), ["red star"], new GroundingOptions { Threshold = 0.999 }).Answers[0];
        Assert.Empty(answer.Detections);
        Assert.InRange(answer.Presence, 0, 1);
    }

    [Fact]
    public async Task Calls_from_many_threads_get_their_own_answers()
    {
        using var grounder = Grounder.Load(_folder);
        var expected = Enumerable.Range(0, 4).Select(seed => grounder.Ground(TinyFusion.Picture(seed: seed), ["star"], Everything).Detections[0]).ToArray();
        var actual = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => grounder.GroundAsync(TinyFusion.Picture(seed: i % 4), ["star"], Everything)));
        for (var i = 0; i < actual.Length; i++) Assert.Equal(expected[i % 4], actual[i].Detections[0]);
    }

    [Fact]
    public void Phrases_in_several_passes_are_answered_as_if_asked_alone()
    {
        using var grounder = Grounder.Load(_folder);
        string[] phrases = ["red star", "the ring", "blue"];
        var apart = grounder.Ground(TinyFusion.Picture(), phrases, Everything with { PhrasesTogether = 1 });
        for (var p = 0; p < phrases.Length; p++)
        {
            var alone = grounder.Ground(TinyFusion.Picture(), [phrases[p]], Everything).Answers[0];
            Assert.Equal(alone.Phrase, apart.Answers[p].Phrase);
            Assert.Equal(alone.Presence, apart.Answers[p].Presence);
            Assert.Equal(alone.Detections, apart.Answers[p].Detections);
        }

        var pairs = grounder.Ground(TinyFusion.Picture(), phrases, Everything with { PhrasesTogether = 2 });
        Assert.Equal(grounder.Ground(TinyFusion.Picture(), phrases[..2], Everything).Answers[1].Detections, pairs.Answers[1].Detections);
        Assert.Equal(apart.Answers[2].Detections, pairs.Answers[2].Detections);
    }

    [Fact]
    public void A_tokenizer_with_more_words_than_the_model_is_refused()
    {
        File.AppendAllLines(Path.Combine(_folder, "vocab.txt"), Enumerable.Range(0, TinyFusion.Config.VocabSize).Select(i => $"word{i}"));
        var error = Assert.Throws<SightlineException>(() => Grounder.Load(_folder));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains($"config.json has a vocab_size of {TinyFusion.Config.VocabSize}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_phrase_that_is_too_long_says_how_much_was_not_read()
    {
        using var grounder = Grounder.Load(_folder);
        var answers = grounder.Ground(TinyFusion.Picture(), ["red star", string.Join(' ', Enumerable.Repeat("star", 200))], Everything).Answers;
        Assert.Equal(0, answers[0].IgnoredWordPieces);
        Assert.InRange(answers[1].IgnoredWordPieces, 200 - TinyFusion.Config.MaxPhraseTokens, 202);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    public void Options_out_of_range_are_refused(double share)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new GroundingOptions { Threshold = share });
        Assert.Throws<ArgumentOutOfRangeException>(() => new GroundingOptions { OverlapThreshold = share });
        Assert.Throws<ArgumentOutOfRangeException>(() => new GroundingOptions { MaximumDetections = -1 });
    }

    [Fact]
    public void No_folder_is_said_clearly()
    {
        Assert.Throws<ArgumentNullException>(() => Grounder.Load(null!));
        Assert.Contains("the name of the model folder is empty", Assert.Throws<SightlineException>(() => Grounder.Load("")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_tokenizer_is_no_model()
    {
        File.Delete(Path.Combine(_folder, "vocab.txt"));
        Assert.Equal(ErrorKind.BadModel, Assert.Throws<SightlineException>(() => Grounder.Load(_folder)).Kind);
    }

    [Theory]
    [InlineData("no phrase was given")]
    [InlineData("phrase 2 of 2 is empty", "star", " ")]
    public void Empty_questions_are_refused(string sentence, params string[] phrases)
    {
        using var grounder = Grounder.Load(_folder);
        var error = Assert.Throws<SightlineException>(() => grounder.Ground(TinyFusion.Picture(), phrases));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_call_gives_no_answer()
    {
        using var grounder = Grounder.Load(_folder);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grounder.GroundAsync(TinyFusion.Picture(), ["star"], null, cancelled.Token));
    }

    [Fact]
    public void Another_architecture_is_refused()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), """{ "model_type": "gpt2" }""");
        var error = Assert.Throws<SightlineException>(() => Grounder.Load(_folder));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains("'gpt2' cannot ground phrases", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_weights_is_refused()
    {
        File.Delete(Path.Combine(_folder, "model.safetensors"));
        Assert.Throws<SightlineException>(() => Grounder.Load(_folder));
    }

    [Fact]
    public void Overlapping_answers_are_suppressed_and_scores_combine_alignment_and_presence()
    {
        using var scope = TensorScope.Open();
        // three places: two nearly the same box, one apart; one more without area
        var boxes = Tensor.From([0.1f, 0.1f, 0.5f, 0.5f, 0.1f, 0.1f, 0.51f, 0.5f, 0.6f, 0.6f, 0.9f, 0.9f, 2f, 2f, 3f, 3f], [1, 4, 4]);
        var logits = Tensor.From([1f, 2f, 0f, 5f], [1, 1, 4]);
        var output = new FusionOutput(boxes, logits, Tensor.From([0.5f], [1]), [1]);
        var canvas = TinyFusion.Processor().Fit(TinyFusion.Picture());
        var answer = FusionAnswers.Read(output, 0, canvas, ["star"], new GroundingOptions { Threshold = 0.2 }).Single();
        var presence = 1 / (1 + Math.Exp(-0.5));
        Assert.Equal(presence, answer.Presence, 1e-6);
        Assert.Equal(2, answer.Detections.Count);
        Assert.Equal(1 / (1 + Math.Exp(-2.0)) * Math.Sqrt(presence), answer.Detections[0].Score, 1e-6);
        Assert.Equal(0.51 * 64, answer.Detections[0].Box.X2, 1e-4);
        Assert.Equal(0.5 * Math.Sqrt(presence), answer.Detections[1].Score, 1e-6);
    }

    [Theory]
    [InlineData("red star", false)]
    [InlineData("the star on the LEFT", true)]
    [InlineData("2nd ring", true)]
    [InlineData("largest dot", true)]
    [InlineData("leftover", false)]
    [InlineData("", false)]
    public void Words_of_position_are_known(string phrase, bool expected) => Assert.Equal(expected, PositionWords.AreIn(phrase));
}
