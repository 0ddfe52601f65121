using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>Convolution of channels-last pictures. Parameters <c>weight</c> [Out, In / groups, K, K] and <c>bias</c> [Out].</summary>
public sealed class Conv2d(ParameterScope scope, int inputs, int outputs, int kernel, int stride = 1, int? padding = null, int groups = 1, bool bias = true)
{
    private readonly Tensor _weight = scope.Get("weight", [outputs, inputs / groups, kernel, kernel], Initializer.FanIn(1.41f));
    private readonly Tensor? _bias = bias ? scope.Get("bias", [outputs], Initializer.Zeros) : null;
    private readonly int _padding = padding ?? kernel / 2;

    /// <summary>[B, H, W, In] to [B, H', W', Out].</summary>
    public Tensor Forward(Tensor x) =>
        Op.Conv2d(x, Precision.Match(_weight, x), _bias is null ? null : Precision.Match(_bias, x), stride: stride, padding: _padding, groups: groups, layout: ImageLayout.ChannelsLast);
}
