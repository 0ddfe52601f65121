using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>Channels-last feature maps.</summary>
public static class FeatureMap
{
    /// <summary>x [B, H, W, C] to [B, height, width, C]: <see cref="Op.Interpolate"/> without aligned corners or antialiasing. A map of that size is given back as it is.</summary>
    public static Tensor Resize(Tensor x, int height, int width, Interpolation mode)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Shape[1] == height && x.Shape[2] == width) return x;
        return Op.Transpose(Op.Interpolate(Op.Transpose(x, 0, 3, 1, 2), height, width, mode), 0, 2, 3, 1);
    }
}
