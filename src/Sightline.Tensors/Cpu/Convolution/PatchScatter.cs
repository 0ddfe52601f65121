using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// Gradients of patches [OutH, OutW, groups, KernelH, KernelW, GroupC] of one image summed into the picture [H, W, C]: each piece
/// is a row of the picture and collects from every patch that covers it, in a fixed order.
/// </summary>
internal readonly unsafe struct PatchScatter(float* patches, ConvGeometry g, byte* picture, DType type) : IPieces
{
    public void Run(int iy)
    {
        var count = g.W * g.C;
        var target = picture + ((long)iy * count * type.Size());
        if (type == DType.Float32)
        {
            Collect(iy, (float*)target, count);
            return;
        }

        var block = NativePool.Shared.Rent(count * sizeof(float));
        Collect(iy, (float*)block.Pointer, count);
        CpuEngine.Narrow((float*)block.Pointer, target, type, count);
        block.Release();
    }

    private void Collect(int iy, float* row, int count)
    {
        new Span<float>(row, count).Clear();
        long patch = (long)g.Taps * g.Groups;
        for (var r = 0; r < g.KernelH; r++)
        {
            var (oy, rest) = Math.DivRem(iy + g.Padding - (r * g.Dilation), g.Stride);
            if (rest != 0 || (uint)oy >= (uint)g.OutH) continue;
            for (var ox = 0; ox < g.OutW; ox++)
            {
                var from = patches + ((((long)oy * g.OutW) + ox) * patch) + ((long)r * g.KernelW * g.GroupC);
                for (var s = 0; s < g.KernelW; s++)
                {
                    var ix = (ox * g.Stride) - g.Padding + (s * g.Dilation);
                    if ((uint)ix >= (uint)g.W) continue;
                    for (var group = 0; group < g.Groups; group++)
                        Add(from + ((long)group * g.Taps) + (s * g.GroupC), row + ((long)ix * g.C) + (group * g.GroupC), g.GroupC);
                }
            }
        }
    }

    private static void Add(float* source, float* target, int count)
    {
        var i = 0;
        for (; i <= count - 8; i += 8) (Lane8.Load(source + i) + Lane8.Load(target + i)).Store(target + i);
        for (; i < count; i++) target[i] += source[i];
    }
}
