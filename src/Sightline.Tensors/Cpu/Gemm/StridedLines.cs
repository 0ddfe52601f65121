using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>A matrix in memory: element (line, k) is at <c>line · lineStride + k · stepStride</c>. 16-bit floats widen while they are packed.</summary>
internal readonly unsafe struct StridedLines(void* data, DType type, nint lineStride, nint stepStride) : IPanelSource
{
    private const int StepsAtOnce = 64;

    /// <summary>Longest lines (floats) of which a panel is one short stretch of memory, that the first-level cache holds.</summary>
    private const int LongestInPlace = 416;

    /// <summary>Longest steps (floats): farther apart they would each need an entry of the first-level page table, and share cache sets.</summary>
    private const int LongestStepInPlace = 512;

    public void* Data { get; } = data;

    public DType Type { get; } = type;

    public nint LineStride { get; } = lineStride;

    public nint StepStride { get; } = stepStride;

    public bool InPlace => Type == DType.Float32
        && ((StepStride == 1 && LineStride is > 0 and <= LongestInPlace) || (LineStride == 1 && StepStride is > 0 and <= LongestStepInPlace));

    public bool StepsApart => LineStride == 1;

    public TileLines LinesAt(int first, int k0) => new((float*)Data + (first * LineStride) + (k0 * StepStride), LineStride, StepStride);

    [SkipLocalsInit]
    public void Pack(float* target, int width, int first, int count, int k0, int K)
    {
        var start = (byte*)Data + (((first * LineStride) + (k0 * StepStride)) * Type.Size());
        if (Type == DType.Float32)
        {
            PackFloats((float*)start, LineStride, StepStride, target, width, count, K);
            return;
        }

        // widened into a block of [lines, steps] or [steps, lines], whichever keeps the contiguous index
        var wide = stackalloc float[StepsAtOnce * GemmTile.MaxColumnsEver];
        for (var k = 0; k < K; k += StepsAtOnce)
        {
            var steps = Math.Min(StepsAtOnce, K - k);
            var source = start + (k * StepStride * Type.Size());
            if (LineStride == 1)
            {
                for (var j = 0; j < steps; j++) CpuEngine.Widen(source + (j * StepStride * Type.Size()), Type, wide + (j * count), count);
                PackFloats(wide, 1, count, target + (k * width), width, count, steps);
                continue;
            }

            for (var i = 0; i < count; i++)
            {
                var line = source + (i * LineStride * Type.Size());
                if (StepStride == 1) CpuEngine.Widen(line, Type, wide + (i * steps), steps);
                else for (var j = 0; j < steps; j++) CpuEngine.Widen(line + (j * StepStride * Type.Size()), Type, wide + (i * steps) + j, 1);
            }

            PackFloats(wide, steps, 1, target + (k * width), width, count, steps);
        }
    }

    private static void PackFloats(float* source, nint lineStride, nint stepStride, float* target, int width, int count, int K)
    {
        if (count < width) ClearColumns(target, width, count, K);
        if (lineStride == 1) CopySteps(source, stepStride, target, width, count, K);
        else if (stepStride == 1) Transpose(source, lineStride, target, width, count, K);
        else
        {
            for (var k = 0; k < K; k++)
            {
                for (var i = 0; i < count; i++) target[(k * width) + i] = source[(i * lineStride) + (k * stepStride)];
            }
        }
    }

    private static void ClearColumns(float* target, int width, int count, int K)
    {
        for (var k = 0; k < K; k++) new Span<float>(target + (k * width) + count, width - count).Clear();
    }

    private static void CopySteps(float* source, nint stepStride, float* target, int width, int count, int K)
    {
        for (; K > 0; K--, source += stepStride, target += width)
        {
            var i = 0;
            for (; i <= count - 16 && Vector512.IsHardwareAccelerated; i += 16) Vector512.Load(source + i).Store(target + i);
            for (; i <= count - 8 && Vector256.IsHardwareAccelerated; i += 8) Vector256.Load(source + i).Store(target + i);
            for (; i <= count - 4 && Vector128.IsHardwareAccelerated; i += 4) Vector128.Load(source + i).Store(target + i);
            for (; i < count; i++) target[i] = source[i];
        }
    }

    /// <summary>target[k, i] = source[i, k], in squares of 8 or 4; the last lines overlap with earlier ones where that fills a square.</summary>
    internal static void Transpose(float* source, nint lineStride, float* target, nint width, int count, int K)
    {
        var k = 0;
        if (Avx.IsSupported && count >= 8)
        {
            for (; k <= K - 8; k += 8)
            {
                var i = 0;
                for (; i <= count - 8; i += 8) Transpose8(source + (i * lineStride) + k, lineStride, target + (k * width) + i, width);
                if (i < count) Transpose8(source + ((count - 8) * lineStride) + k, lineStride, target + (k * width) + count - 8, width);
            }
        }

        if (Sse.IsSupported && count >= 4)
        {
            for (; k <= K - 4; k += 4)
            {
                var i = 0;
                for (; i <= count - 4; i += 4) Transpose4(source + (i * lineStride) + k, lineStride, target + (k * width) + i, width);
                if (i < count) Transpose4(source + ((count - 4) * lineStride) + k, lineStride, target + (k * width) + count - 4, width);
            }
        }

        for (; k < K; k++)
        {
            for (var i = 0; i < count; i++) target[(k * width) + i] = source[(i * lineStride) + k];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4(float* source, nint stride, float* target, nint width)
    {
        var r0 = Vector128.Load(source);
        var r1 = Vector128.Load(source + stride);
        var r2 = Vector128.Load(source + (2 * stride));
        var r3 = Vector128.Load(source + (3 * stride));
        var a = Sse.UnpackLow(r0, r1);  // 00 10 01 11
        var b = Sse.UnpackHigh(r0, r1); // 02 12 03 13
        var c = Sse.UnpackLow(r2, r3);  // 20 30 21 31
        var d = Sse.UnpackHigh(r2, r3);
        Sse.MoveLowToHigh(a, c).Store(target);
        Sse.MoveHighToLow(c, a).Store(target + width);
        Sse.MoveLowToHigh(b, d).Store(target + (2 * width));
        Sse.MoveHighToLow(d, b).Store(target + (3 * width));
    }

    /// <summary>Halves of two lines share a vector (lines i and i + 4), so that only in-lane shuffles remain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8(float* source, nint stride, float* target, nint width)
    {
        Transpose8Half(source, stride, target, width);
        Transpose8Half(source + 4, stride, target + (4 * width), width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8Half(float* source, nint stride, float* target, nint width)
    {
        var lower = source + (4 * stride);
        var r0 = Vector256.Create(Vector128.Load(source), Vector128.Load(lower));
        var r1 = Vector256.Create(Vector128.Load(source + stride), Vector128.Load(lower + stride));
        var r2 = Vector256.Create(Vector128.Load(source + (2 * stride)), Vector128.Load(lower + (2 * stride)));
        var r3 = Vector256.Create(Vector128.Load(source + (3 * stride)), Vector128.Load(lower + (3 * stride)));
        var a = Avx.UnpackLow(r0, r1).AsDouble();
        var b = Avx.UnpackHigh(r0, r1).AsDouble();
        var c = Avx.UnpackLow(r2, r3).AsDouble();
        var d = Avx.UnpackHigh(r2, r3).AsDouble();
        Avx.UnpackLow(a, c).AsSingle().Store(target);
        Avx.UnpackHigh(a, c).AsSingle().Store(target + width);
        Avx.UnpackLow(b, d).AsSingle().Store(target + (2 * width));
        Avx.UnpackHigh(b, d).AsSingle().Store(target + (3 * width));
    }
}
