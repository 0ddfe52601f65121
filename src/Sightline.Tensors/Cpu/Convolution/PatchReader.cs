using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// Reads what one output pixel sees of a channels-last picture, without the matrix of all patches ever existing: value
/// (r · KernelW + s) · GroupC + c of a pixel's patch is x[iy + r·dilation, ix + s·dilation, c], zero outside the picture.
/// </summary>
internal readonly unsafe struct PatchReader(void* x, DType type, ConvGeometry geometry, int group)
{
    private readonly ConvGeometry _g = geometry;
    private readonly int _outW = geometry.OutW;
    private readonly int _outPixels = geometry.OutH * geometry.OutW;

    /// <summary>Values first .. first + count of the patch of output pixel <paramref name="pixel"/> (row-major over the batch).</summary>
    public void Read(int pixel, int first, int count, float* target)
    {
        var image = pixel / _outPixels;
        var inside = pixel - (image * _outPixels);
        var oy = inside / _outW;
        var iy = (oy * _g.Stride) - _g.Padding;
        var ix = ((inside - (oy * _outW)) * _g.Stride) - _g.Padding;
        var C = _g.GroupC;
        var perRow = _g.KernelW * C;
        var (r, j) = Math.DivRem(first, perRow);
        for (; count > 0; r++, j = 0)
        {
            var run = Math.Min(count, perRow - j);
            var y = iy + (r * _g.Dilation);
            if ((uint)y >= (uint)_g.H) Zero(target, run);
            else if (_g.Dilation == 1 && _g.Groups == 1) ReadRun(((long)image * _g.H) + y, ix, j, run, target);
            else ReadTaps(((long)image * _g.H) + y, ix, j, run, target);
            target += run;
            count -= run;
        }
    }

    /// <summary>Taps beside each other are contiguous in memory; only the edges of the picture cut the run.</summary>
    private void ReadRun(long row, int ix, int first, int count, float* target)
    {
        var low = Math.Clamp((-ix * _g.C) - first, 0, count);
        var high = Math.Clamp(((_g.W - ix) * _g.C) - first, low, count);
        Zero(target, low);
        Copy((((row * _g.W) + ix) * _g.C) + first + low, high - low, target + low);
        Zero(target + high, count - high);
    }

    private void ReadTaps(long row, int ix, int first, int count, float* target)
    {
        var C = _g.GroupC;
        var (s, c) = Math.DivRem(first, C);
        for (; count > 0; s++, c = 0)
        {
            var run = Math.Min(count, C - c);
            var column = ix + (s * _g.Dilation);
            if ((uint)column >= (uint)_g.W) Zero(target, run);
            else Copy((((row * _g.W) + column) * _g.C) + (group * C) + c, run, target);
            target += run;
            count -= run;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Zero(float* target, int count)
    {
        for (var i = 0; i < count; i++) target[i] = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Copy(long offset, int count, float* target)
    {
        if (type != DType.Float32)
        {
            if (count > 0) CpuEngine.Widen((byte*)x + (offset * type.Size()), type, target, count);
            return;
        }

        var source = (float*)x + offset;
        var i = 0;
        for (; i <= count - 8 && Vector256.IsHardwareAccelerated; i += 8) Vector256.Load(source + i).Store(target + i);
        for (; i < count; i++) target[i] = source[i];
    }
}
