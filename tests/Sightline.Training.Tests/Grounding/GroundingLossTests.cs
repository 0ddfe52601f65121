using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Memory;
using Sightline.Testing;
using Sightline.Training.Grounding;

namespace Sightline.Training.Tests.Grounding;

[Collection(Alone.Name)]
public sealed class GroundingLossTests : IDisposable
{
    private static readonly FusionConfig Config = TinyRun.Config with { ImageSize = 32 }; // 4 x 4 places
    private readonly long _liveBefore = NativePool.Shared.LiveBytes;
    private readonly TensorScope _scope = TensorScope.Open();

    public void Dispose()
    {
        _scope.Dispose();
        Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);
    }

    [Theory]
    [InlineData(MatchingKind.OneToMany)]
    [InlineData(MatchingKind.OneToOne)]
    public void Gradients_equal_difference_quotients(MatchingKind matching)
    {
        var samples = Samples();
        var output = Output(samples, seed: 3);
        var judged = Copy(output);
        var loss = new GroundingLoss(Config, new GroundingLossWeights(), matching);
        foreach (var tensor in Parts(output)) tensor.RequiresGrad = true;
        using (var tape = Tape.Record()) tape.Backward(loss.Compute(output, samples, judged).Total);
        foreach (var tensor in Parts(output))
        {
            var gradient = tensor.Grad!.ToArray<float>();
            Assert.Contains(gradient, value => value != 0);
            for (var i = 0; i < gradient.Length; i += 1 + (gradient.Length / 60))
            {
                // L1 and GIoU bend where edges meet; random edges stay further apart than this step
                const float Step = 2e-3f;
                var value = tensor.AsSpan<float>()[i];
                var quotient = (At(value + Step) - At(value - Step)) / (2 * (double)Step);
                tensor.AsSpan<float>()[i] = value;
                Assert.Equal(quotient, gradient[i], tolerance: 4e-3 * (1 + Math.Abs(quotient)));

                double At(float changed)
                {
                    using var scope = TensorScope.Open();
                    using var off = Tape.NoGrad();
                    tensor.AsSpan<float>()[i] = changed;
                    return loss.Compute(output, samples, judged).Total.Item();
                }
            }
        }
    }

    [Fact]
    public void A_batch_is_the_mean_of_its_pictures()
    {
        var samples = Samples();
        var loss = new GroundingLoss(Config, new GroundingLossWeights());
        var whole = loss.Compute(Output(samples, seed: 5), samples);
        var each = samples.Select((sample, b) => loss.Compute(Picture(Output(samples, seed: 5), samples, b), [sample])).ToArray();
        Assert.Equal(each.Average(value => value.Total.Item()), whole.Total.Item(), 1e-4f);
        Assert.Equal(each.Average(value => value.Giou.Item()), whole.Giou.Item(), 1e-5f);
        Assert.Equal(each.Average(value => value.Presence.Item()), whole.Presence.Item(), 1e-5f);
    }

    [Fact]
    public void A_perfect_answer_costs_next_to_nothing()
    {
        var processor = TinyRun.Processor(Config);
        var sample = TinyRun.Sample(processor, new PhraseBoxes("red star", [Unit(0.25, 0.25, 0.75, 0.75)]), new PhraseBoxes("blue ring", []));
        var places = Config.FineSide * Config.FineSide;
        var boxes = Tensor.Zeros([1, places, 4]);
        var logits = Tensor.Full([1, 2, places], -20);
        for (var place = 0; place < places; place++)
        {
            sample.Objects[0].CopyTo(boxes.AsSpan<float>().Slice(place * 4, 4));
            var (row, column) = Math.DivRem(place, Config.FineSide);
            if (row is 1 or 2 && column is 1 or 2) logits.AsSpan<float>()[place] = 20;
        }

        var value = new GroundingLoss(Config, new GroundingLossWeights()).Compute(new FusionOutput(boxes, logits, Tensor.From([20f, -20f], [2]), [2]), [sample]);
        Assert.Equal(0, value.Giou.Item(), 1e-5f);
        Assert.Equal(0, value.L1.Item(), 1e-6f);
        Assert.Equal(0, value.Alignment.Item(), 1e-5f);
        Assert.Equal(0, value.Presence.Item(), 1e-5f);
        Assert.Equal(MathF.Log(4), value.Ranking.Item(), 1e-4f); // four places share the answer: the entropy of a quarter each
    }

    [Fact]
    public void Pictures_without_objects_teach_absence_alone()
    {
        var processor = TinyRun.Processor(Config);
        TrainingSample[] samples = [TinyRun.Sample(processor, new PhraseBoxes("red star", []))];
        var value = new GroundingLoss(Config, new GroundingLossWeights()).Compute(Output(samples, seed: 1), samples);
        Assert.Equal(0, value.Giou.Item());
        Assert.Equal(0, value.L1.Item());
        Assert.Equal(0, value.Ranking.Item());
        Assert.True(value.Alignment.Item() > 0 && value.Presence.Item() > 0 && float.IsFinite(value.Total.Item()));
    }

    private static Tensor[] Parts(FusionOutput output) => [output.Logits, output.Boxes, output.Presence, .. output.EarlierLogits];

    private static FusionOutput Copy(FusionOutput output) =>
        output with { Boxes = output.Boxes.Clone(), Logits = output.Logits.Clone(), Presence = output.Presence.Clone() };

    private static TrainingSample[] Samples()
    {
        var processor = TinyRun.Processor(Config);
        return
        [
            TinyRun.Sample(processor, new PhraseBoxes("red star", [Unit(0.1, 0.1, 0.6, 0.62)]), new PhraseBoxes("star", [Unit(0.1, 0.1, 0.6, 0.62), Unit(0.55, 0.5, 0.97, 0.9)]), new PhraseBoxes("blue ring", [])),
            TinyRun.Sample(processor, new PhraseBoxes("green dot", [Unit(0.3, 0.42, 0.88, 0.93)])),
            TinyRun.Sample(processor, new PhraseBoxes("nothing", []), new PhraseBoxes("no ring", [])),
        ];
    }

    private static Box Unit(double x1, double y1, double x2, double y2) => new(x1, y1, x2, y2, CoordinateFrame.Unit);

    private static FusionOutput Output(IReadOnlyList<TrainingSample> samples, ulong seed)
    {
        var random = new RandomStream(seed);
        var (most, places) = (samples.Max(sample => sample.Phrases.Length), Config.FineSide * Config.FineSide);
        var boxes = new float[samples.Count * places * 4];
        for (var i = 0; i < boxes.Length; i += 4)
        {
            var (x, y) = (random.NextSingle() * 0.5f, random.NextSingle() * 0.5f);
            (boxes[i], boxes[i + 1], boxes[i + 2], boxes[i + 3]) = (x, y, x + 0.2f + (random.NextSingle() * 0.4f), y + 0.2f + (random.NextSingle() * 0.4f));
        }

        return new FusionOutput(
            Tensor.From(boxes, [samples.Count, places, 4]),
            Tensor.From(Normal(samples.Count * most * places), [samples.Count, most, places]),
            Tensor.From(Normal(samples.Sum(sample => sample.Phrases.Length)), [samples.Sum(sample => sample.Phrases.Length)]),
            [.. samples.Select(sample => sample.Phrases.Length)])
        {
            EarlierLogits = [Tensor.From(Normal(samples.Count * most * places), [samples.Count, most, places]), Tensor.From(Normal(samples.Count * most * places), [samples.Count, most, places])],
        };

        float[] Normal(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextNormal())];
    }

    /// <summary>One picture of an output.</summary>
    private static FusionOutput Picture(FusionOutput output, IReadOnlyList<TrainingSample> samples, int b)
    {
        var (most, places) = (output.Logits.Shape[1], output.Logits.Shape[2]);
        var (phrases, first) = (samples[b].Phrases.Length, samples.Take(b).Sum(sample => sample.Phrases.Length));
        return new FusionOutput(
            Tensor.From<float>(output.Boxes.AsSpan<float>().Slice(b * places * 4, places * 4), [1, places, 4]),
            Tensor.From<float>(output.Logits.AsSpan<float>().Slice(b * most * places, phrases * places), [1, phrases, places]),
            Tensor.From<float>(output.Presence.AsSpan<float>().Slice(first, phrases), [phrases]),
            [phrases])
        {
            EarlierLogits = [.. output.EarlierLogits.Select(logits => Tensor.From<float>(logits.AsSpan<float>().Slice(b * most * places, phrases * places), [1, phrases, places]))],
        };
    }
}

file static class CanvasBoxes
{
    public static void CopyTo(this CanvasBox box, Span<float> target) => (target[0], target[1], target[2], target[3]) = (box.X1, box.Y1, box.X2, box.Y2);
}
