using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>int4 weights by VPDPBUSD (AVX-VNNI).</summary>
internal readonly unsafe struct Int4Vnni : IQuantizedKernel<Vector256<int>, Vector256<byte>, Vector256<sbyte>>
{
    public static int GroupUnits => 4;

    public static int UnitBytes => 32;

    public static int ActivationBytes => 1;

    public static bool HasGroupScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> First(byte* unit) => Vector256.Load(unit) & Vector256.Create((byte)0x0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Second(byte* unit) =>
        Avx2.ShiftRightLogical(Vector256.Load(unit).AsUInt16(), 4).AsByte() & Vector256.Create((byte)0x0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Load(byte* quad) => Avx2.BroadcastScalarToVector256((int*)quad).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Step(Vector256<int> acc, Vector256<byte> weight, Vector256<sbyte> activation) =>
        AvxVnni.MultiplyWideningAndAdd(acc, weight, activation);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Sum(Vector256<int> acc) => acc;

    /// <summary>Eight bfloat16 are the upper halves of eight float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* scales) => Avx2.ShiftLeftLogical(Avx2.ConvertToVector256Int32((ushort*)scales), 16).AsSingle();
}

/// <summary>
/// int4 weights by VPMADDUBSW (AVX2). Its 16-bit sums cannot overflow within a group of 32: a weight is at most 15 and an
/// activation 127, so eight steps of two products reach 8 x 2 x 15 x 127 = 30,480.
/// </summary>
internal readonly unsafe struct Int4Avx2 : IQuantizedKernel<Vector256<short>, Vector256<byte>, Vector256<sbyte>>
{
    public static int GroupUnits => 4;

    public static int UnitBytes => 32;

    public static int ActivationBytes => 1;

    public static bool HasGroupScales => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> First(byte* unit) => Int4Vnni.First(unit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Second(byte* unit) => Int4Vnni.Second(unit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Load(byte* quad) => Int4Vnni.Load(quad);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Step(Vector256<short> acc, Vector256<byte> weight, Vector256<sbyte> activation) =>
        Avx2.Add(acc, Avx2.MultiplyAddAdjacent(weight, activation));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Sum(Vector256<short> acc) => Avx2.MultiplyAddAdjacent(acc, Vector256<short>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* scales) => Int4Vnni.Scales(scales);
}
