using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// A matrix in memory of float32 or bfloat16 with two neighbouring steps in one, rounded to bfloat16: the earlier step in the low half of 32 bits, the later in the high half, as
/// <see cref="MachineCode.PairProductCode"/> multiplies them. Of an odd number of steps the last is paired with zero.
/// </summary>
/// <param name="lines">The matrix.</param>
/// <param name="steps">Its steps, K.</param>
internal readonly unsafe struct PairLines(StridedLines lines, int steps) : IPanelSource
{
    private const int PairsAtOnce = 64;

    public static bool IsPairs => true;

    public bool InPlace => false;

    public bool StepsApart => false;

    /// <summary>Steps of pairs for K steps of a product.</summary>
    public static int Steps(int K) => (K + 1) / 2;

    public TileLines LinesAt(int first, int k0) => throw new NotSupportedException("pairs are packed");

    public void Pack(float* target, int width, int first, int count, int k0, int K)
    {
        if (count < width)
        {
            for (var k = 0; k < K; k++) new Span<float>(target + (k * width) + count, width - count).Clear();
        }

        if (lines.StepStride == 1) PackLines(target, width, first, count, k0, K);
        else PackSteps(target, width, first, count, k0, K);
    }

    /// <summary>Steps of a line lie beside each other: lines are rounded into a block [lines, pairs], which is transposed.</summary>
    [SkipLocalsInit]
    private void PackLines(float* target, int width, int first, int count, int k0, int K)
    {
        var block = stackalloc float[PairsAtOnce * GemmTile.MaxColumnsEver];
        for (var k = 0; k < K; k += PairsAtOnce)
        {
            var pairs = Math.Min(PairsAtOnce, K - k);
            var start = 2 * (k0 + k);
            var values = Math.Min(2 * pairs, steps - start);
            for (var i = 0; i < count; i++)
            {
                var source = (byte*)lines.Data + ((((first + i) * lines.LineStride) + start) * lines.Type.Size());
                var line = (ushort*)(block + (i * PairsAtOnce));
                if (lines.Type == DType.BFloat16) Buffer.MemoryCopy(source, line, values * 2L, values * 2L);
                else CpuEngine.Narrow((float*)source, (byte*)line, DType.BFloat16, values);
                if (values < 2 * pairs) line[values] = 0;
            }

            StridedLines.Transpose(block, PairsAtOnce, target + (k * width), width, count, pairs);
        }
    }

    /// <summary>Lines lie beside each other: two steps are joined lane by lane.</summary>
    [SkipLocalsInit]
    private void PackSteps(float* target, int width, int first, int count, int k0, int K)
    {
        var block = stackalloc float[2 * GemmTile.MaxColumnsEver];
        for (var k = 0; k < K; k++, target += width)
        {
            var low = At(first, 2 * (k0 + k), count, block);
            var high = At(first, (2 * (k0 + k)) + 1, count, block + GemmTile.MaxColumnsEver);
            Join((uint*)low, (uint*)high, count, (uint*)target);
        }
    }

    /// <summary>A step of some lines as float32, in place where it lies so.</summary>
    private float* At(int first, int k, int count, float* block)
    {
        if (k >= steps)
        {
            new Span<float>(block, count).Clear();
            return block;
        }

        var source = (byte*)lines.Data + (((first * lines.LineStride) + (k * lines.StepStride)) * lines.Type.Size());
        if (lines.LineStride == 1 && lines.Type == DType.Float32) return (float*)source;
        if (lines.LineStride == 1) CpuEngine.Widen(source, lines.Type, block, count);
        else for (var i = 0; i < count; i++) CpuEngine.Widen(source + (i * lines.LineStride * lines.Type.Size()), lines.Type, block + i, 1);
        return block;
    }

    /// <summary>Float32 numbers of two steps, rounded, two and two: those of the earlier in the low halves. The last vector of a row overlaps with the one before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Join(uint* low, uint* high, int count, uint* target)
    {
        if (count >= Vector512<uint>.Count)
        {
            for (var i = 0; i <= count - Vector512<uint>.Count; i += Vector512<uint>.Count) Join16(low + i, high + i, target + i);
            var last = count - Vector512<uint>.Count;
            Join16(low + last, high + last, target + last);
        }
        else if (count >= Vector256<uint>.Count)
        {
            Join8(low, high, target);
            var last = count - Vector256<uint>.Count;
            Join8(low + last, high + last, target + last);
        }
        else
        {
            for (var i = 0; i < count; i++) target[i] = ((BFloat16)((float*)low)[i]).Bits | ((uint)((BFloat16)((float*)high)[i]).Bits << 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join16(uint* low, uint* high, uint* target)
    {
        var upper = CpuEngine.RoundToBFloat16(Vector512.Load((float*)high)) & Vector512.Create(0xFFFF0000u);
        (Vector512.ShiftRightLogical(CpuEngine.RoundToBFloat16(Vector512.Load((float*)low)), 16) | upper).Store(target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Join8(uint* low, uint* high, uint* target)
    {
        var upper = CpuEngine.RoundToBFloat16(Vector256.Load((float*)high)) & Vector256.Create(0xFFFF0000u);
        (Vector256.ShiftRightLogical(CpuEngine.RoundToBFloat16(Vector256.Load((float*)low)), 16) | upper).Store(target);
    }
}
