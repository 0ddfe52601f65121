using Sightline.Tensors;

namespace Sightline.Nn;

/// <summary>Square patches of a picture to vectors, by a convolution whose stride is its kernel. Parameters <c>weight</c> [C, 3, P, P] and <c>bias</c> [C].</summary>
public sealed class PatchEmbedding(ParameterScope scope, int pictureChannels, int channels, int patchSize, bool bias = true)
{
    private readonly Conv2d _projection = new(scope, pictureChannels, channels, patchSize, stride: patchSize, padding: 0, bias: bias);

    /// <summary>pixels [B, H, W, 3] to patches [B, h, w, C] with h = H / P and w = W / P, rounded down.</summary>
    /// <exception cref="ShapeException">The picture is smaller than a patch.</exception>
    public Tensor Forward(Tensor pixels) => _projection.Forward(pixels);
}
