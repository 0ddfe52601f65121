using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Gemm;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>Patches as an operand of the matrix product: a line for every output pixel, steps over the patch.</summary>
internal readonly unsafe struct PatchLines(PatchReader reader) : IPanelSource
{
    public bool InPlace => false;

    public bool StepsApart => false;

    public TileLines LinesAt(int first, int k0) => throw new InvalidOperationException("this operand must be packed");

    private const int StepsAtOnce = 128;

    [SkipLocalsInit]
    public void Pack(float* target, int width, int first, int count, int k0, int K)
    {
        var patches = stackalloc float[StepsAtOnce * GemmTile.MaxColumnsEver];
        for (var k = 0; k < K; k += StepsAtOnce)
        {
            var steps = Math.Min(StepsAtOnce, K - k);
            for (var i = 0; i < count; i++) reader.Read(first + i, k0 + k, steps, patches + (i * steps));
            new StridedLines(patches, DType.Float32, steps, 1).Pack(target + ((long)k * width), width, 0, count, 0, steps);
        }
    }
}

/// <summary>Patches as the other operand: a line for every place of the patch, steps over the output pixels.</summary>
internal readonly unsafe struct PatchSteps(PatchReader reader) : IPanelSource
{
    public bool InPlace => false;

    public bool StepsApart => false;

    public TileLines LinesAt(int first, int k0) => throw new InvalidOperationException("this operand must be packed");

    public void Pack(float* target, int width, int first, int count, int k0, int K)
    {
        for (var k = 0; k < K; k++, target += width)
        {
            reader.Read(k0 + k, first, count, target);
            for (var i = count; i < width; i++) target[i] = 0;
        }
    }
}
