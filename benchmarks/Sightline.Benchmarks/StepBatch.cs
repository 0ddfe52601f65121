using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Training.Grounding;

namespace Sightline.Benchmarks;

/// <summary>
/// A model with random weights and a batch of noise for it, the same in every run: 8 pictures, each with 8 phrases of
/// 7 word pieces and 6 objects. Phrases of one length spare the peers all padding.
/// </summary>
internal sealed class StepBatch : IDisposable
{
    public const int Pictures = 8;
    public const int PhrasesPerPicture = 8;
    public const int WordsPerPhrase = 7;
    public const int Objects = 6;

    public StepBatch(int imageSize, float dropout)
    {
        Config = FusionConfig.Nano with { ImageSize = imageSize, Dropout = dropout };
        Model = new FusionModel(Config, ParameterStore.Initialize(1));
        var random = new RandomStream(7);
        Stir(random.Fork("weights"));
        Pixels = Noise(random.Fork("pixels"), imageSize);
        Phrases = Words(random.Fork("words"), Config.VocabSize);
        Samples = [.. Enumerable.Range(0, Pictures).Select(b => Sample(random.Fork((ulong)b), b, imageSize))];
    }

    public FusionConfig Config { get; }

    public FusionModel Model { get; }

    /// <summary>[B, S, S, 3].</summary>
    public Tensor Pixels { get; }

    public PhraseTokens Phrases { get; }

    public TrainingSample[] Samples { get; }

    public void Dispose()
    {
        Pixels.Dispose();
        Phrases.Ids.Dispose();
        Phrases.Places.Dispose();
        Model.Dispose();
    }

    /// <summary>Off the starting values, so that no branch is zero and nothing hides in a comparison.</summary>
    private void Stir(RandomStream random)
    {
        foreach (var parameter in Model.Parameters.All)
        {
            var values = parameter.Value.ToArray<float>();
            foreach (ref var value in values.AsSpan()) value += 0.02f * (float)random.NextNormal();
            parameter.Value.Write<float>(values);
        }
    }

    private static Tensor Noise(RandomStream random, int side)
    {
        var pixels = new float[Pictures * side * side * 3];
        foreach (ref var value in pixels.AsSpan()) value = (random.NextInt(256) * (4f / 255)) - 2;
        return Tensor.From(pixels, [Pictures, side, side, 3]).AsParameter(requiresGrad: false);
    }

    private static PhraseTokens Words(RandomStream random, int vocabulary)
    {
        const int phrases = Pictures * PhrasesPerPicture;
        var id = new long[phrases * WordsPerPhrase];
        var place = new long[id.Length];
        for (var i = 0; i < id.Length; i++)
        {
            place[i] = i % WordsPerPhrase;
            id[i] = place[i] switch { 0 => 101, WordsPerPhrase - 1 => 102, _ => 1000 + random.NextInt(vocabulary - 1000) };
        }

        var (ids, places) = (Tensor.From(id, [id.Length]), Tensor.From(place, [id.Length]));
        return new PhraseTokens(ids.AsParameter(requiresGrad: false), places.AsParameter(requiresGrad: false), Filled(phrases, WordsPerPhrase), Filled(Pictures, PhrasesPerPicture));
    }

    private static TrainingSample Sample(RandomStream random, int b, int side)
    {
        var objects = new CanvasBox[Objects];
        for (var o = 0; o < Objects; o++)
        {
            var (x, y) = ((float)random.NextDouble() * 0.7f, (float)random.NextDouble() * 0.7f);
            objects[o] = new CanvasBox(x, y, x + 0.1f + ((float)random.NextDouble() * 0.2f), y + 0.1f + ((float)random.NextDouble() * 0.2f));
        }

        // the last phrase means nothing here, the others one object each, two of them the same
        int[][] targets = [.. Enumerable.Range(0, PhrasesPerPicture).Select(p => p == PhrasesPerPicture - 1 ? Array.Empty<int>() : [p % Objects])];
        var canvas = new CanvasPicture(new Picture(1, 1, new byte[3]), Placement.Fit(side, side, side, side));
        return new TrainingSample($"noise {b}", canvas, [.. targets.Select((_, p) => $"phrase {p}")], objects, targets)
        {
            PositionSensitive = new bool[PhrasesPerPicture],
        };
    }

    private static int[] Filled(int count, int value)
    {
        var values = new int[count];
        Array.Fill(values, value);
        return values;
    }
}
