using System.Numerics;
using System.Runtime.InteropServices;
using Sightline.Tensors;
using Sightline.Tensors.Cpu;

namespace Sightline.Checkpoints;

/// <summary>From a file's bytes to a tensor's elements, block by block, so that a conversion needs little extra memory.</summary>
internal static class TensorReading
{
    private const int BlockElements = 1 << 20;

    public static Shape ShapeOf(TensorInfo info)
    {
        Span<int> sizes = stackalloc int[Shape.MaxRank];
        if (info.Sizes.Count > Shape.MaxRank || info.Sizes.Any(size => size > int.MaxValue))
            throw new SightlineException(ErrorKind.BadModel, $"{info.File}: the tensor {SafetensorsHeader.Quote(info.Name)} is {info}; at most {Shape.MaxRank} axes of less than 2^31 each are supported.");
        for (var i = 0; i < info.Sizes.Count; i++) sizes[i] = (int)info.Sizes[i];
        return new Shape(sizes[..info.Sizes.Count]);
    }

    public static DType NaturalDType(TensorInfo info) => info.Type.NaturalDType() ?? throw RawOnly(info);

    public static void Read(SafetensorsFile file, TensorInfo info, Tensor target)
    {
        var natural = NaturalDType(info);
        var elementBytes = info.Type.Size();
        var isSame = natural == target.DType && natural.Size() == elementBytes && natural != DType.Bool;
        using var scope = TensorScope.Open();
        for (long done = 0; done < info.Count; done += BlockElements)
        {
            var count = (int)Math.Min(BlockElements, info.Count - done);
            var raw = file.Raw(info, done * elementBytes, count * elementBytes);
            if (isSame)
            {
                target.Engine.Upload(raw, target, done * elementBytes);
                continue;
            }

            using var block = Tensor.Empty([count], natural, CpuEngine.Instance);
            Decode(info, raw, block);
            if (natural == target.DType)
            {
                target.Engine.Upload(block.AsSpan<byte>(), target, done * natural.Size());
                continue;
            }

            using var converted = Tensor.Empty([count], target.DType, CpuEngine.Instance);
            CpuEngine.Instance.Cast(block, converted);
            target.Engine.Upload(converted.AsSpan<byte>(), target, done * target.DType.Size());
        }

        file.Release(info);
    }

    /// <summary>NaN and infinities; integers have none.</summary>
    public static long CountNonFinite(SafetensorsFile file, TensorInfo info)
    {
        long bad = 0;
        var elementBytes = info.Type.Size();
        for (long done = 0; done < info.Count; done += BlockElements)
        {
            var raw = file.Raw(info, done * elementBytes, (int)Math.Min(BlockElements, info.Count - done) * elementBytes);
            bad += info.Type switch
            {
                SafetensorsType.F32 => CountFullExponent(MemoryMarshal.Cast<byte, uint>(raw), 0x7F800000u),
                SafetensorsType.BF16 => CountFullExponent(MemoryMarshal.Cast<byte, ushort>(raw), (ushort)0x7F80),
                SafetensorsType.F16 => CountFullExponent(MemoryMarshal.Cast<byte, ushort>(raw), (ushort)0x7C00),
                SafetensorsType.F64 => CountFullExponent(MemoryMarshal.Cast<byte, ulong>(raw), 0x7FF0_0000_0000_0000ul),
                _ => 0,
            };
        }

        file.Release(info);
        return bad;
    }

    /// <summary>An IEEE number whose exponent bits are all ones is an infinity or a NaN.</summary>
    private static long CountFullExponent<T>(ReadOnlySpan<T> values, T exponent)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        long bad = 0;
        var wide = Vector.Create(exponent);
        var i = 0;
        for (; i <= values.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            // which of them is only asked where there is one
            var hit = Vector.Equals(Vector.BitwiseAnd(Vector.Create(values[i..]), wide), wide);
            if (hit == Vector<T>.Zero) continue;
            for (var lane = 0; lane < Vector<T>.Count; lane++) bad += hit[lane] == T.Zero ? 0 : 1;
        }

        for (; i < values.Length; i++) bad += (values[i] & exponent) == exponent ? 1 : 0;
        return bad;
    }

    /// <summary>File elements to the natural engine type.</summary>
    private static void Decode(TensorInfo info, ReadOnlySpan<byte> raw, Tensor block)
    {
        switch (info.Type)
        {
            case SafetensorsType.F64: Widen<double, float>(raw, block); break;
            case SafetensorsType.U8: Widen<byte, int>(raw, block); break;
            case SafetensorsType.I16: Widen<short, int>(raw, block); break;
            case SafetensorsType.U16: Widen<ushort, int>(raw, block); break;
            case SafetensorsType.U32: Widen<uint, long>(raw, block); break;
            case SafetensorsType.U64: WidenUnsigned(info, raw, block); break;
            case SafetensorsType.Bool: WidenBool(raw, block); break;
            default: raw.CopyTo(block.AsSpan<byte>()); break;
        }
    }

    private static void Widen<TFrom, TTo>(ReadOnlySpan<byte> raw, Tensor block)
        where TFrom : unmanaged, System.Numerics.INumber<TFrom>
        where TTo : unmanaged, System.Numerics.INumber<TTo>
    {
        var source = MemoryMarshal.Cast<byte, TFrom>(raw);
        var target = block.AsSpan<TTo>();
        for (var i = 0; i < source.Length; i++) target[i] = TTo.CreateTruncating(source[i]);
    }

    private static void WidenUnsigned(TensorInfo info, ReadOnlySpan<byte> raw, Tensor block)
    {
        var source = MemoryMarshal.Cast<byte, ulong>(raw);
        var target = block.AsSpan<long>();
        for (var i = 0; i < source.Length; i++)
        {
            if (source[i] > long.MaxValue)
                throw new SightlineException(ErrorKind.BadModel, $"{info.File}: the tensor {SafetensorsHeader.Quote(info.Name)} holds {source[i]}, which does not fit 64 signed bits.");
            target[i] = (long)source[i];
        }
    }

    private static void WidenBool(ReadOnlySpan<byte> raw, Tensor block)
    {
        var target = block.AsSpan<byte>();
        for (var i = 0; i < raw.Length; i++) target[i] = raw[i] != 0 ? (byte)1 : (byte)0;
    }

    private static SightlineException RawOnly(TensorInfo info) => new(
        ErrorKind.BadModel,
        $"{info.File}: the tensor {SafetensorsHeader.Quote(info.Name)} has the element type {info.Type.FileName()}, which Sightline cannot compute with: convert the checkpoint to BF16, F16 or F32.");
}
