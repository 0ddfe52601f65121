using Sightline.Nn;

namespace Sightline.Models.Fusion;

/// <summary>What a configuration costs.</summary>
/// <param name="Parameters">Trainable numbers.</param>
/// <param name="ImageFlops">Floating-point operations for one picture without text (a multiply and an add are two).</param>
/// <param name="PhraseFlops">And for each phrase of eight words asked of it.</param>
/// <param name="ActivationBytes">Memory that one picture with six phrases holds during a training step, estimated.</param>
public sealed record FusionCost(long Parameters, long ImageFlops, long PhraseFlops, long ActivationBytes)
{
    private const int Words = 8;

    /// <summary>Counts the matrix work of every layer; norms and activations (a few percent) are left out.</summary>
    public static FusionCost Of(FusionConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        using var parameters = ParameterStore.Unwritten();
        using var model = new FusionModel(config, parameters);
        long side = config.ImageSize;
        long c = config.HiddenSize;
        long n = (long)config.CoarseSide * config.CoarseSide;
        long m = (long)config.FineSide * config.FineSide;
        long fine = config.StemChannels[2];
        long head = config.HeadChannels;
        long stem = 0;
        long inputs = 3;
        for (var i = 0; i < 3; i++)
        {
            var places = (side >> (i + 1)) * (side >> (i + 1));
            stem += places * 9 * inputs * config.StemChannels[i];
            inputs = config.StemChannels[i];
        }

        var local = config.LocalLayers * m * ((25 * fine) + (4 * fine * fine));
        var layer = Layer(c, config.FeedForwardRatio, n, n);
        var tokens = config.ImageEncoder is { } published ? Published(published, config) : n * 9 * fine * c;
        var image = stem + local + tokens + ((config.ImageLayers + config.FusionLayers) * layer)
            + (config.PhraseLayers * 2 * n * c * c) + (n * c * head) + (m * fine * head) + (2 * m * 9 * head * head) + (m * head * (4 + config.ProjectionSize)) + (m * PositionFeatures.Channels * config.ProjectionSize);
        // a phrase: its own layers, both cross-attentions and its decoder (keys and values of the picture are shared by all phrases)
        var phrase = ((config.TextLayers + config.FusionLayers) * Layer(c, config.FeedForwardRatio, Words, Words))
            + (config.FusionLayers * ((4 * Words * c * c) + (4 * n * Words * c))) + (m * config.ProjectionSize)
            + (config.PhraseLayers * ((c * c * (4 + (2 * config.FeedForwardRatio) + (2 * Words))) + (2 * c * (n + Words))));
        var activations = 4 * ((side * side * 3) + (side * side / 4 * config.StemChannels[0] * 4) + (side * side / 16 * config.StemChannels[1] * 4)
            + (m * fine * (4 + (8L * config.LocalLayers))) + ((config.ImageLayers + config.FusionLayers) * n * c * (12 + (3L * config.FeedForwardRatio))) + (m * head * 14) + (6 * m * 8));
        return new FusionCost(parameters.Count, 2 * image, 2 * phrase, activations);
    }

    /// <summary>Multiply-adds of a published image encoder: patches, layers, projection.</summary>
    private static long Published(PublishedEncoder section, FusionConfig config)
    {
        var sizes = ImageBackbone.SizesOf(section, FusionConfig.ImageEncoderKey);
        long side = sizes.InputSide(config.ImageSize) / sizes.PatchSize;
        long n = side * side;
        long c = sizes.Channels;
        return (n * 3 * sizes.PatchSize * sizes.PatchSize * c) + (sizes.Layers * ((4 * n * c * c) + (2 * n * c * sizes.IntermediateSize) + (2 * n * n * c))) + (n * c * config.HiddenSize);
    }

    /// <summary>Multiply-adds of a transformer layer: four projections, attention, feed-forward.</summary>
    private static long Layer(long c, long ratio, long queries, long keys) =>
        (queries * c * c * (4 + (2 * ratio))) + (2 * queries * keys * c);
}
