using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Models;

/// <summary>A fusion model of a few thousand random weights, with the vocabulary of tests/fixtures/training/tiny.</summary>
internal static class TinyFusion
{
    public static FusionConfig Config { get; } = FusionConfig.Nano with
    {
        ImageSize = 64,
        StemChannels = [8, 8, 16],
        LocalLayers = 1,
        HiddenSize = 16,
        NumAttentionHeads = 2,
        ImageLayers = 1,
        TextLayers = 1,
        FusionLayers = 2,
        PhraseLayers = 1,
        VocabSize = 256,
        WordEmbeddingSize = 8,
        MaxPhraseTokens = 12,
        HeadChannels = 16,
        ProjectionSize = 16,
    };

    public static string TokenizerFolder => Fixtures.Path("training", "tiny");

    public static FusionModel Model(ulong seed = 1)
    {
        var model = new FusionModel(Config, ParameterStore.Initialize(seed));
        // fusion and decoder start as if the other side were not there; tests want to see them work
        var random = new Tensors.RandomStream(seed + 100);
        foreach (var parameter in model.Parameters.All.Where(parameter =>
            parameter.Path.Contains("image.cross_attention.output", StringComparison.Ordinal)
            || (parameter.Path.StartsWith("decoder.", StringComparison.Ordinal) && parameter.Path.Contains(".output.", StringComparison.Ordinal))
            || parameter.Path == "head.embedding_position.weight"))
        {
            foreach (ref var value in parameter.Value.AsSpan<float>()) value = 0.2f * (float)random.NextNormal();
        }

        return model;
    }

    public static FusionProcessor Processor() => new(Config, Tokenizer.Load(TokenizerFolder));

    public static Picture Picture(int width = 64, int height = 64, int seed = 0)
    {
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)((i * (31 + seed)) ^ (i >> (3 + (seed % 3))));
        return new Picture(width, height, pixels);
    }
}
