using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Nn;

/// <summary>
/// Mixed precision: where activations have 16 bits, float32 weights are rounded to them where they are used. The rounding is an operation of the
/// tape, so gradients arrive at, add up in, and updates are taken on the float32 weights.
/// </summary>
internal static class Precision
{
    /// <summary>A weight as an operation on <paramref name="x"/> takes it.</summary>
    public static Tensor Match(Tensor weight, Tensor x) =>
        weight.DType == DType.Float32 && x.DType is (DType.BFloat16 or DType.Float16) ? Op.Cast(weight, x.DType) : weight;
}
