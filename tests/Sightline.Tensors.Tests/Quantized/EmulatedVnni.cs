using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Cpu.Quantized;

namespace Sightline.Tensors.Tests.Quantized;

/// <summary>
/// <see cref="Int8Vnni"/> with its one AVX-VNNI instruction computed otherwise, so that the path around it is tested on
/// processors without it.
/// </summary>
internal readonly unsafe struct EmulatedInt8Vnni : IQuantizedKernel<Vector256<int>, Vector256<byte>, Vector256<sbyte>>
{
    public static int GroupUnits => Int8Vnni.GroupUnits;

    public static int UnitBytes => Int8Vnni.UnitBytes;

    public static int ActivationBytes => Int8Vnni.ActivationBytes;

    public static bool HasGroupScales => Int8Vnni.HasGroupScales;

    public static Vector256<byte> First(byte* unit) => Int8Vnni.First(unit);

    public static Vector256<byte> Second(byte* unit) => Int8Vnni.Second(unit);

    public static Vector256<sbyte> Load(byte* quad) => Int8Vnni.Load(quad);

    public static Vector256<int> Step(Vector256<int> acc, Vector256<byte> weight, Vector256<sbyte> activation) => DotProduct(acc, weight, activation);

    public static Vector256<int> Sum(Vector256<int> acc) => Int8Vnni.Sum(acc);

    public static Vector256<float> Scales(byte* scales) => Int8Vnni.Scales(scales);

    /// <summary>What VPDPBUSD does: each 32-bit lane gains the sum of four products of unsigned and signed bytes.</summary>
    public static Vector256<int> DotProduct(Vector256<int> acc, Vector256<byte> left, Vector256<sbyte> right)
    {
        var (l, r) = (Vector256.Widen(left), Vector256.Widen(right));
        return acc + Vector256.Create(Quads(l.Lower.AsInt16(), r.Lower), Quads(l.Upper.AsInt16(), r.Upper));
    }

    private static Vector128<int> Quads(Vector256<short> left, Vector256<short> right)
    {
        var pairs = Avx2.MultiplyAddAdjacent(left, right);
        return Ssse3.HorizontalAdd(pairs.GetLower(), pairs.GetUpper());
    }
}

/// <summary><see cref="Int4Vnni"/>, likewise.</summary>
internal readonly unsafe struct EmulatedInt4Vnni : IQuantizedKernel<Vector256<int>, Vector256<byte>, Vector256<sbyte>>
{
    public static int GroupUnits => Int4Vnni.GroupUnits;

    public static int UnitBytes => Int4Vnni.UnitBytes;

    public static int ActivationBytes => Int4Vnni.ActivationBytes;

    public static bool HasGroupScales => Int4Vnni.HasGroupScales;

    public static Vector256<byte> First(byte* unit) => Int4Vnni.First(unit);

    public static Vector256<byte> Second(byte* unit) => Int4Vnni.Second(unit);

    public static Vector256<sbyte> Load(byte* quad) => Int4Vnni.Load(quad);

    public static Vector256<int> Step(Vector256<int> acc, Vector256<byte> weight, Vector256<sbyte> activation) =>
        EmulatedInt8Vnni.DotProduct(acc, weight, activation);

    public static Vector256<int> Sum(Vector256<int> acc) => Int4Vnni.Sum(acc);

    public static Vector256<float> Scales(byte* scales) => Int4Vnni.Scales(scales);
}
