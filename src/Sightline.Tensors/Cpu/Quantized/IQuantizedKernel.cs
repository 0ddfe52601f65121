using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>
/// The instructions of one weight format on one instruction set, behind the traversal of <see cref="QuantizedTiles"/>. Works on
/// a panel of eight output channels; a quad is four neighbouring inputs. Weights come as numbers plus an offset (128 or 8), so
/// that they are unsigned as the dot-product instructions want; the offset times the activations' sum is taken off later.
/// </summary>
/// <typeparam name="TAcc">Running sums of eight channels.</typeparam>
/// <typeparam name="TWeight">One quad of eight channels.</typeparam>
/// <typeparam name="TActivation">One quad of a row, repeated for all channels.</typeparam>
internal interface IQuantizedKernel<TAcc, TWeight, TActivation>
    where TAcc : struct
    where TWeight : struct
    where TActivation : struct
{
    /// <summary>Units (eight inputs) that share an activation scale.</summary>
    static abstract int GroupUnits { get; }

    /// <summary>Weight bytes of a unit.</summary>
    static abstract int UnitBytes { get; }

    /// <summary>Bytes of one activation: 1, or 2 where the instruction wants 16-bit numbers.</summary>
    static abstract int ActivationBytes { get; }

    /// <summary>True where every group has scales of its own.</summary>
    static abstract bool HasGroupScales { get; }

    /// <summary>The first quad of a unit.</summary>
    static abstract unsafe TWeight First(byte* unit);

    /// <summary>The second quad of a unit.</summary>
    static abstract unsafe TWeight Second(byte* unit);

    /// <summary>A quad of activations.</summary>
    static abstract unsafe TActivation Load(byte* quad);

    /// <summary>acc + the products of a quad, exactly.</summary>
    static abstract TAcc Step(TAcc acc, TWeight weight, TActivation activation);

    /// <summary>The eight channels' sums.</summary>
    static abstract Vector256<int> Sum(TAcc acc);

    /// <summary>The scales of a group at this place (one where there are none).</summary>
    static abstract unsafe Vector256<float> Scales(byte* scales);
}
