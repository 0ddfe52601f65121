using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    private const int ElementsPerPiece = 1 << 16;

    /// <inheritdoc/>
    public override unsafe void Cast(Tensor source, Tensor target)
    {
        if (source.Count != target.Count) throw new ShapeException($"Cast: {source} does not fit {target}");
        if (source.DType == target.DType)
        {
            Copy(source, target);
            return;
        }

        var pieces = new CastPieces((byte*)source.Data, source.DType, (byte*)target.Data, target.DType, source.Count);
        Parallel(ref pieces, PieceCount(source.Count, ElementsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void Accumulate(Tensor source, Tensor target)
    {
        if (source.Count != target.Count || source.DType != target.DType) throw new ShapeException($"Accumulate: {source} does not fit {target}");
        var pieces = new AccumulatePieces((byte*)source.Data, (byte*)target.Data, target.DType, target.Count);
        Parallel(ref pieces, PieceCount(target.Count, ElementsPerPiece));
    }

    /// <summary>float32 from any element type.</summary>
    internal static unsafe void Widen(byte* source, DType type, float* target, int count)
    {
        switch (type)
        {
            case DType.Float32: Buffer.MemoryCopy(source, target, count * 4L, count * 4L); break;
            case DType.BFloat16: WidenBFloat16((ushort*)source, target, count); break;
            case DType.Float16: for (var i = 0; i < count; i++) target[i] = (float)((Half*)source)[i]; break;
            case DType.Int8: for (var i = 0; i < count; i++) target[i] = ((sbyte*)source)[i]; break;
            case DType.Int32: for (var i = 0; i < count; i++) target[i] = ((int*)source)[i]; break;
            case DType.Int64: for (var i = 0; i < count; i++) target[i] = ((long*)source)[i]; break;
            case DType.Bool: for (var i = 0; i < count; i++) target[i] = source[i]; break;
            default: throw new ShapeException($"Cast: unknown element type {type}");
        }
    }

    /// <summary>Any element type from float32: 16-bit floats round to nearest even, integers truncate and saturate.</summary>
    internal static unsafe void Narrow(float* source, byte* target, DType type, int count)
    {
        switch (type)
        {
            case DType.Float32: Buffer.MemoryCopy(source, target, count * 4L, count * 4L); break;
            case DType.BFloat16: NarrowBFloat16(source, (ushort*)target, count); break;
            case DType.Float16: for (var i = 0; i < count; i++) ((Half*)target)[i] = (Half)source[i]; break;
            case DType.Int8: for (var i = 0; i < count; i++) ((sbyte*)target)[i] = sbyte.CreateSaturating(source[i]); break;
            case DType.Int32: for (var i = 0; i < count; i++) ((int*)target)[i] = int.CreateSaturating(source[i]); break;
            case DType.Int64: for (var i = 0; i < count; i++) ((long*)target)[i] = long.CreateSaturating(source[i]); break;
            case DType.Bool: for (var i = 0; i < count; i++) target[i] = source[i] != 0 ? (byte)1 : (byte)0; break;
            default: throw new ShapeException($"Cast: unknown element type {type}");
        }
    }

    private static unsafe void WidenBFloat16(ushort* source, float* target, int count)
    {
        var i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            for (; i <= count - 16; i += 16)
            {
                var (low, high) = Vector256.Widen(Vector256.Load(source + i));
                Vector256.ShiftLeft(low, 16).AsSingle().Store(target + i);
                Vector256.ShiftLeft(high, 16).AsSingle().Store(target + i + 8);
            }
        }

        for (; i < count; i++) target[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    /// <summary>The upper 16 bits of each lane are the nearest bfloat16, to even between two; a NaN keeps its upper bits with the quiet bit set. The lower bits mean nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<uint> RoundToBFloat16(Vector256<float> value)
    {
        var bits = value.AsUInt32();
        var odd = Vector256.ShiftRightLogical(bits, 16) & Vector256<uint>.One;
        return Vector256.ConditionalSelect(Vector256.IsNaN(value).AsUInt32(), bits | Vector256.Create(0x400000u), bits + Vector256.Create(0x7FFFu) + odd);
    }

    /// <inheritdoc cref="RoundToBFloat16(Vector256{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<uint> RoundToBFloat16(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        var odd = Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One;
        return Vector512.ConditionalSelect(Vector512.IsNaN(value).AsUInt32(), bits | Vector512.Create(0x400000u), bits + Vector512.Create(0x7FFFu) + odd);
    }

    private static unsafe void NarrowBFloat16(float* source, ushort* target, int count)
    {
        var i = 0;
        for (; i <= count - 16 && Vector256.IsHardwareAccelerated; i += 16)
        {
            var (low, high) = (RoundToBFloat16(Vector256.Load(source + i)), RoundToBFloat16(Vector256.Load(source + i + 8)));
            Vector256.Narrow(Vector256.ShiftRightLogical(low, 16), Vector256.ShiftRightLogical(high, 16)).Store(target + i);
        }

        for (; i < count; i++) target[i] = ((BFloat16)source[i]).Bits;
    }

    private readonly unsafe struct CastPieces(byte* source, DType from, byte* target, DType to, long count) : IPieces
    {
        private const int Block = 1024;

        [SkipLocalsInit]
        public void Run(int piece)
        {
            var start = (long)piece * ElementsPerPiece;
            var end = Math.Min(start + ElementsPerPiece, count);
            var wide = stackalloc float[Block];
            for (var i = start; i < end; i += Block)
            {
                var length = (int)Math.Min(Block, end - i);
                if (from == DType.Int64 && to == DType.Int32)
                {
                    for (var j = 0; j < length; j++) ((int*)target)[i + j] = int.CreateSaturating(((long*)source)[i + j]);
                }
                else if (from == DType.Int32 && to == DType.Int64)
                {
                    for (var j = 0; j < length; j++) ((long*)target)[i + j] = ((int*)source)[i + j];
                }
                else if (to == DType.Float32)
                {
                    Widen(source + (i * from.Size()), from, (float*)target + i, length);
                }
                else
                {
                    Widen(source + (i * from.Size()), from, wide, length);
                    Narrow(wide, target + (i * to.Size()), to, length);
                }
            }
        }
    }

    private readonly unsafe struct AccumulatePieces(byte* source, byte* target, DType type, long count) : IPieces
    {
        private const int Block = 1024;

        [SkipLocalsInit]
        public void Run(int piece)
        {
            var start = (long)piece * ElementsPerPiece;
            var end = Math.Min(start + ElementsPerPiece, count);
            if (type == DType.Float32)
            {
                AddTo((float*)source + start, (float*)target + start, (int)(end - start));
                return;
            }

            var a = stackalloc float[Block];
            var b = stackalloc float[Block];
            for (var i = start; i < end; i += Block)
            {
                var length = (int)Math.Min(Block, end - i);
                Widen(source + (i * type.Size()), type, a, length);
                Widen(target + (i * type.Size()), type, b, length);
                AddTo(a, b, length);
                Narrow(b, target + (i * type.Size()), type, length);
            }
        }

        private static void AddTo(float* source, float* target, int count)
        {
            var i = 0;
            for (; i <= count - 16 && Vector512.IsHardwareAccelerated; i += 16) (Vector512.Load(source + i) + Vector512.Load(target + i)).Store(target + i);
            for (; i <= count - 8 && Vector256.IsHardwareAccelerated; i += 8) (Vector256.Load(source + i) + Vector256.Load(target + i)).Store(target + i);
            for (; i <= count - 4 && Vector128.IsHardwareAccelerated; i += 4) (Vector128.Load(source + i) + Vector128.Load(target + i)).Store(target + i);
            for (; i < count; i++) target[i] += source[i];
        }
    }
}
