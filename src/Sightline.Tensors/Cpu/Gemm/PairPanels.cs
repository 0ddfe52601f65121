using System.Runtime.CompilerServices;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>As <see cref="PairLines"/> for lines of any source: packed by that as float32, then rounded and joined.</summary>
/// <param name="source">The lines.</param>
/// <param name="steps">Its steps, K.</param>
internal readonly unsafe struct PairPanels<TSource>(TSource source, int steps) : IPanelSource
    where TSource : struct, IPanelSource
{
    private const int StepsAtOnce = 64;

    public static bool IsPairs => true;

    public bool InPlace => false;

    public bool StepsApart => false;

    public TileLines LinesAt(int first, int k0) => throw new NotSupportedException("pairs are packed");

    [SkipLocalsInit]
    public void Pack(float* target, int width, int first, int count, int k0, int K)
    {
        var wide = stackalloc float[StepsAtOnce * GemmTile.MaxColumnsEver];
        var end = Math.Min(2 * (k0 + K), steps);
        for (var k = 2 * k0; k < end; k += StepsAtOnce)
        {
            var run = Math.Min(StepsAtOnce, end - k);
            source.Pack(wide, width, first, count, k, run);
            if ((run & 1) != 0) new Span<float>(wide + (run * width), width).Clear();
            for (var row = 0; row < run; row += 2, target += width)
                PairLines.Join((uint*)(wide + (row * width)), (uint*)(wide + ((row + 1) * width)), width, (uint*)target);
        }
    }
}
