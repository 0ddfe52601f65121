using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Memory;
using Sightline.Testing;

namespace Sightline.Tests.Models;

[Collection(Alone.Name)]
public sealed class FusionModelTests : IDisposable
{
    private readonly long _liveBefore = NativePool.Shared.LiveBytes;
    private readonly TensorScope _scope = TensorScope.Open();
    private readonly FusionModel _model = TinyFusion.Model();
    private readonly FusionProcessor _processor = TinyFusion.Processor();

    public void Dispose()
    {
        _scope.Dispose();
        _model.Dispose();
        Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public void A_picture_is_answered_alike_alone_and_in_a_batch()
    {
        string[][] phrases = [["red star", "the largest ring", "dot"], ["blue circle"], ["left of the star", "ring"]];
        var together = Forward([0, 1, 2], phrases);
        var first = 0;
        for (var b = 0; b < 3; b++)
        {
            var alone = Forward([b], [phrases[b]]);
            Close(alone.Boxes.ToArray<float>(), Part(together.Boxes, b));
            var (places, most) = (alone.Logits.Shape[2], together.Logits.Shape[1]);
            Close(alone.Logits.ToArray<float>(), together.Logits.ToArray<float>().AsSpan(b * most * places, phrases[b].Length * places));
            Close(alone.Presence.ToArray<float>(), together.Presence.ToArray<float>().AsSpan(first, phrases[b].Length));
            first += phrases[b].Length;
        }
    }

    [Fact]
    public void A_picture_that_is_asked_nothing_changes_nothing_for_the_others()
    {
        string[] phrases = ["red star", "the largest ring"];
        var (alone, beside) = (Forward([1], [phrases]), Forward([0, 1, 2], [[], phrases, []]));
        Close(alone.Boxes.ToArray<float>(), Part(beside.Boxes, 1));
        Close(alone.Logits.ToArray<float>(), Part(beside.Logits, 1));
        Close(alone.Presence.ToArray<float>(), beside.Presence.ToArray<float>());
    }

    [Fact]
    public void Words_that_were_encoded_before_give_the_same_answer()
    {
        var phrases = _processor.ToTensors([["red star", "ring"]]);
        var pixels = Pixels([0]);
        var words = _model.EncodeText(phrases);
        var (whole, cached) = (_model.Forward(pixels, phrases), _model.Ground(pixels, words, phrases.Lengths, phrases.CountByPicture));
        Assert.Equal(whole.Logits.ToArray<float>(), cached.Logits.ToArray<float>());
        Assert.Equal(whole.Boxes.ToArray<float>(), cached.Boxes.ToArray<float>());
    }

    [Fact]
    public void Picture_and_words_change_each_other()
    {
        var one = Forward([0], [["red star"]]);
        Assert.NotEqual(one.Logits.ToArray<float>(), Forward([0], [["blue ring"]]).Logits.ToArray<float>());
        Assert.NotEqual(one.Presence.ToArray<float>(), Forward([1], [["red star"]]).Presence.ToArray<float>());
        Assert.NotEqual(one.Boxes.ToArray<float>(), Forward([0], [["blue ring"]]).Boxes.ToArray<float>());
    }

    [Fact]
    public void Boxes_have_positive_sides_around_their_places_and_start_small()
    {
        var boxes = Forward([0], [["star"]]).Boxes.ToArray<float>();
        var side = TinyFusion.Config.FineSide;
        for (var place = 0; place < side * side; place++)
        {
            var (x, y) = (((place % side) + 0.5f) / side, ((place / side) + 0.5f) / side);
            Assert.True(boxes[place * 4] < x && x < boxes[(place * 4) + 2] && boxes[(place * 4) + 1] < y && y < boxes[(place * 4) + 3]);
        }
    }

    [Fact]
    public void Embeddings_of_pre_training_have_length_one_and_ignore_other_phrases()
    {
        var (regions, vectors) = _model.Embed(Pixels([0]), _processor.ToTensors([["red star", "ring"]]));
        Assert.Equal([64, 16], regions.Shape.ToArray());
        var values = vectors.ToArray<float>();
        for (var p = 0; p < 2; p++) Assert.Equal(1, values.AsSpan(p * 16, 16).ToArray().Sum(x => x * x), 1e-5f);
        Close(_model.Embed(Pixels([0]), _processor.ToTensors([["ring"]])).Phrases.ToArray<float>(), values.AsSpan(16));
    }

    [Fact]
    public void Dropout_acts_in_training_alone_and_by_its_random_stream()
    {
        var model = new FusionModel(TinyFusion.Config with { Dropout = 0.5f }, ParameterStore.Initialize(1));
        using var owner = model;
        var phrases = _processor.ToTensors([["red star"]]);
        var pixels = Pixels([0]);
        float[] Run(ulong? seed) => model.Forward(pixels, phrases, seed is { } s ? new RandomStream(s) : null).Logits.ToArray<float>();
        Assert.Equal(Run(null), Run(null));
        Assert.Equal(Run(1), Run(1));
        Assert.NotEqual(Run(null), Run(1));
        Assert.NotEqual(Run(2), Run(1));
    }

    [Fact]
    public void In_training_the_answers_before_each_layer_of_the_decoder_are_at_hand()
    {
        Assert.Empty(Forward([0], [["red star", "ring"]]).EarlierLogits);
        var output = _model.Forward(Pixels([0]), _processor.ToTensors([["red star", "ring"]]), new RandomStream(1));
        Assert.Equal(TinyFusion.Config.PhraseLayers, output.EarlierLogits.Count);
        Assert.Equal(output.Logits.Shape, output.EarlierLogits[0].Shape);
        Assert.NotEqual(output.Logits.ToArray<float>(), output.EarlierLogits[0].ToArray<float>());
    }

    [Fact]
    public void Every_parameter_but_the_contrastive_temperature_has_a_gradient()
    {
        using var tape = Tape.Record();
        var output = Forward([0, 1], [["red star", "ring"], ["dot"]]);
        tape.Backward(Tensors.Ops.Op.Add(
            Tensors.Ops.Op.Add(Tensors.Ops.Op.Sum(output.Boxes), Tensors.Ops.Op.Sum(Tensors.Ops.Op.Mul(output.Logits, output.Logits))), Tensors.Ops.Op.Sum(output.Presence)));
        Assert.All(_model.Parameters.All, parameter => Assert.Equal(ReferenceEquals(parameter.Value, _model.ContrastLogScale), parameter.Value.Grad is null));
    }

    [Fact]
    public void The_cost_counts_the_parameters_exactly()
    {
        var cost = FusionCost.Of(TinyFusion.Config);
        Assert.Equal(_model.Parameters.Count, cost.Parameters);
        Assert.True(cost.ImageFlops > 0 && cost.PhraseFlops > 0 && cost.ActivationBytes > 0);
        Assert.Equal(FusionCost.Of(FusionConfig.Nano).Parameters, FusionCost.Of(FusionConfig.Nano with { ImageSize = 640 }).Parameters);
        Assert.True(FusionCost.Of(FusionConfig.Base).ImageFlops > 10 * FusionCost.Of(FusionConfig.Nano).ImageFlops);
    }

    private FusionOutput Forward(int[] seeds, string[][] phrases) => _model.Forward(Pixels(seeds), _processor.ToTensors(phrases));

    private Tensor Pixels(int[] seeds) => _processor.ToTensor([.. seeds.Select(seed => _processor.Fit(TinyFusion.Picture(seed: seed)))]);

    private static ReadOnlySpan<float> Part(Tensor batch, int b)
    {
        var size = (int)(batch.Count / batch.Shape[0]);
        return batch.ToArray<float>().AsSpan(b * size, size);
    }

    private static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2e-4f);
    }
}
