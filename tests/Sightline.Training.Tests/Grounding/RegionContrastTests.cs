using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Tensors;
using Sightline.Tensors.Memory;
using Sightline.Testing;
using Sightline.Training.Grounding;

namespace Sightline.Training.Tests.Grounding;

[Collection(Alone.Name)]
public sealed class RegionContrastTests : IDisposable
{
    private readonly long _liveBefore = NativePool.Shared.LiveBytes;
    private readonly TensorScope _scope = TensorScope.Open();

    public void Dispose()
    {
        _scope.Dispose();
        Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);
    }

    [Fact]
    public void Phrases_that_need_the_whole_picture_or_mean_nothing_take_no_part()
    {
        var pairs = RegionContrast.Pair([Sample("x", ("red star", [A]), ("star left of the ring", [A]), ("green dot", []))]);
        Assert.Equal(["red star", "red star"], pairs.Phrases.Single()); // the phrase, and the caption of the whole
        Assert.Equal(2, pairs.Regions.Count);
    }

    [Fact]
    public void An_object_is_one_region_with_all_its_phrases()
    {
        var pairs = RegionContrast.Pair([Sample("x", ("star", [A, B]), ("red star", [A]))]);
        Assert.Equal(["star", "red star", "red star, star"], pairs.Phrases.Single());
        Assert.Equal(3, pairs.Regions.Count);
        Assert.Equal(["red star", "star"], pairs.Regions[0].Phrases.Order());
        Assert.Equal(["star"], pairs.Regions[1].Phrases);
        Assert.Equal(new CanvasBox(0, 0, 1, 1), pairs.Regions[2].Box);
    }

    [Fact]
    public void A_picture_that_says_nothing_has_no_caption() =>
        Assert.Empty(RegionContrast.Pair([Sample("x", ("red star", []))]).Phrases.Single());

    [Theory]
    [InlineData(ContrastiveLossKind.InfoNce)]
    [InlineData(ContrastiveLossKind.Sigmoid)]
    public void The_loss_is_that_of_the_formula(ContrastiveLossKind kind)
    {
        // two pictures that use the same phrase: both regions are positives of both phrases
        var pairs = RegionContrast.Pair([Sample("x", ("star", [A])), Sample("y", ("star", [B]), ("dot", [A]))]);
        var texts = pairs.Phrases.SelectMany(own => own).ToArray();
        var (regions, phrases) = (pairs.Regions.Count, texts.Length);
        var random = new RandomStream(2);
        var (v, t) = (Unit(random, regions), Unit(random, phrases));
        var contrast = new RegionContrast(TinyRun.Config, kind);
        var (scale, bias) = (MathF.Log(5), -2f);
        var actual = contrast.Compare(Tensor.From(v, [regions, E]), Tensor.From(t, [phrases, E]), pairs, Tensor.Scalar(scale), Tensor.Scalar(bias)).Item();
        var logits = new double[regions, phrases];
        for (var r = 0; r < regions; r++)
        {
            for (var p = 0; p < phrases; p++) logits[r, p] = 5 * Enumerable.Range(0, E).Sum(i => (double)v[(r * E) + i] * t[(p * E) + i]);
        }

        Func<int, int, bool> positive = (r, p) => pairs.Regions[r].Phrases.Contains(texts[p]);
        Assert.Equal(kind == ContrastiveLossKind.Sigmoid ? Sigmoid(logits, positive, bias) : InfoNce(logits, positive), actual, 1e-4);
    }

    private const int E = 16;

    private static Box A => new(0.1, 0.1, 0.4, 0.5, CoordinateFrame.Unit);

    private static Box B => new(0.5, 0.3, 0.9, 0.8, CoordinateFrame.Unit);

    private static TrainingSample Sample(string name, params (string Phrase, Box[] Boxes)[] phrases) =>
        TinyRun.Sample(name, TinyRun.Processor(), [.. phrases.Select(phrase => new PhraseBoxes(phrase.Phrase, phrase.Boxes))]);

    private static float[] Unit(RandomStream random, int rows)
    {
        var values = Enumerable.Range(0, rows * E).Select(_ => (float)random.NextNormal()).ToArray();
        for (var row = 0; row < rows; row++)
        {
            var norm = MathF.Sqrt(values.Skip(row * E).Take(E).Sum(x => x * x));
            for (var i = 0; i < E; i++) values[(row * E) + i] /= norm;
        }

        return values;
    }

    private static double Sigmoid(double[,] logits, Func<int, int, bool> positive, double bias)
    {
        double sum = 0;
        for (var r = 0; r < logits.GetLength(0); r++)
        {
            for (var p = 0; p < logits.GetLength(1); p++) sum += Math.Log(1 + Math.Exp(-(positive(r, p) ? 1 : -1) * (logits[r, p] + bias)));
        }

        return sum / logits.GetLength(0);
    }

    private static double InfoNce(double[,] logits, Func<int, int, bool> positive)
    {
        var (R, P) = (logits.GetLength(0), logits.GetLength(1));
        double rows = 0, columns = 0;
        for (var r = 0; r < R; r++)
        {
            var own = Enumerable.Range(0, P).Where(p => positive(r, p)).ToArray();
            var all = Math.Log(Enumerable.Range(0, P).Sum(p => Math.Exp(logits[r, p])));
            rows += own.Average(p => all - logits[r, p]);
        }

        for (var p = 0; p < P; p++)
        {
            var own = Enumerable.Range(0, R).Where(r => positive(r, p)).ToArray();
            var all = Math.Log(Enumerable.Range(0, R).Sum(r => Math.Exp(logits[r, p])));
            columns += own.Average(r => all - logits[r, p]);
        }

        return ((rows / R) + (columns / P)) / 2;
    }
}
