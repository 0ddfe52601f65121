using Sightline.Nn;

namespace Sightline.Models;

/// <summary>The encoder layer that the files of CLIP and SigLIP name alike: <c>self_attn</c>, <c>layer_norm1</c>, <c>mlp.fc1</c> and so on.</summary>
internal static class ContrastiveLayer
{
    /// <summary>Takes its parameters below <paramref name="scope"/>.</summary>
    public static EncoderBlock Make(ParameterScope scope, int channels, int hidden, int heads, string activation, float epsilon)
    {
        var self = scope / "self_attn";
        var attention = new MultiHeadAttention(
            new Linear(self / "q_proj", channels, channels),
            new Linear(self / "k_proj", channels, channels),
            new Linear(self / "v_proj", channels, channels),
            new Linear(self / "out_proj", channels, channels),
            channels,
            heads);
        var feedForward = FeedForward(scope / "mlp", channels, hidden, activation);
        return new EncoderBlock(
            new LayerNorm(scope / "layer_norm1", channels, epsilon), attention, new LayerNorm(scope / "layer_norm2", channels, epsilon), feedForward.Forward);
    }

    /// <summary>Two linear layers <c>fc1</c> and <c>fc2</c>.</summary>
    public static FeedForward FeedForward(ParameterScope scope, int channels, int hidden, string activation) =>
        new(new Linear(scope / "fc1", channels, hidden), new Linear(scope / "fc2", hidden, channels), Activations.Parse(activation));
}
