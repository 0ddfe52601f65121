using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>int8 weights by VPDPBUSD (AVX-VNNI): unsigned by signed bytes, four products a lane and instruction.</summary>
internal readonly unsafe struct Int8Vnni : IQuantizedKernel<Vector256<int>, Vector256<byte>, Vector256<sbyte>>
{
    public static int GroupUnits => 16;

    public static int UnitBytes => 64;

    public static int ActivationBytes => 1;

    public static bool HasGroupScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> First(byte* unit) => Vector256.Load(unit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Second(byte* unit) => Vector256.Load(unit + 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Load(byte* quad) => Avx2.BroadcastScalarToVector256((int*)quad).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Step(Vector256<int> acc, Vector256<byte> weight, Vector256<sbyte> activation) =>
        AvxVnni.MultiplyWideningAndAdd(acc, weight, activation);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Sum(Vector256<int> acc) => acc;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* scales) => Vector256<float>.One;
}

/// <summary>
/// int8 weights widened to 16 bits, VPMADDWD on 512 bits: for processors with AVX-512 but without AVX-VNNI. The byte
/// instruction VPMADDUBSW would be no faster here, since its 16-bit sums can overflow and need widening after every step.
/// </summary>
internal readonly unsafe struct Int8Wide512 : IQuantizedKernel<Vector512<int>, Vector512<short>, Vector512<short>>
{
    public static int GroupUnits => 16;

    public static int UnitBytes => 64;

    public static int ActivationBytes => 2;

    public static bool HasGroupScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> First(byte* unit) => Avx512BW.ConvertToVector512Int16(Vector256.Load(unit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Second(byte* unit) => Avx512BW.ConvertToVector512Int16(Vector256.Load(unit + 32));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Load(byte* quad) => Vector512.Create(*(long*)quad).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Step(Vector512<int> acc, Vector512<short> weight, Vector512<short> activation) =>
        Avx512F.Add(acc, Avx512BW.MultiplyAddAdjacent(weight, activation));

    /// <summary>Two lanes belong to a channel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Sum(Vector512<int> acc)
    {
        var pairs = acc + Avx512F.ShiftRightLogical(acc.AsInt64(), 32).AsInt32();
        return Avx512F.ConvertToVector256Int32(pairs.AsInt64());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* scales) => Vector256<float>.One;
}

/// <summary>int8 weights widened to 16 bits, VPMADDWD on 256 bits (AVX2).</summary>
internal readonly unsafe struct Int8Wide256 : IQuantizedKernel<VectorPair<int>, VectorPair<short>, Vector256<short>>
{
    public static int GroupUnits => 16;

    public static int UnitBytes => 64;

    public static int ActivationBytes => 2;

    public static bool HasGroupScales => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorPair<short> First(byte* unit) => new(Avx2.ConvertToVector256Int16(unit), Avx2.ConvertToVector256Int16(unit + 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorPair<short> Second(byte* unit) => First(unit + 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Load(byte* quad) => Avx2.BroadcastScalarToVector256((long*)quad).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorPair<int> Step(VectorPair<int> acc, VectorPair<short> weight, Vector256<short> activation) => new(
        Avx2.Add(acc.Low, Avx2.MultiplyAddAdjacent(weight.Low, activation)),
        Avx2.Add(acc.High, Avx2.MultiplyAddAdjacent(weight.High, activation)));

    /// <summary>Two lanes belong to a channel; the horizontal add leaves the 64-bit quarters in the order 0, 2, 1, 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Sum(VectorPair<int> acc) =>
        Avx2.Permute4x64(Avx2.HorizontalAdd(acc.Low, acc.High).AsInt64(), 0b11_01_10_00).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* scales) => Vector256<float>.One;
}

/// <summary>Two vectors: channels 0 to 3 and 4 to 7.</summary>
internal readonly struct VectorPair<T>(Vector256<T> low, Vector256<T> high)
{
    public readonly Vector256<T> Low = low;
    public readonly Vector256<T> High = high;
}
