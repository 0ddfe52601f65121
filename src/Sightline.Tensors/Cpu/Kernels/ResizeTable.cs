using System.Collections.Concurrent;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>
/// The resampling of one axis: output i is the sum of <see cref="Counts"/>[i] neighbouring inputs from <see cref="Starts"/>[i] on, with the weights at
/// i · <see cref="Taps"/>. Weights are worked out in float64 and rounded once. Formulas as in PyTorch's upsampling kernels; the antialiased ones are
/// Pillow's.
/// </summary>
internal sealed class ResizeTable
{
    private static readonly ConcurrentDictionary<(Interpolation, int, int, bool, bool), ResizeTable> s_tables = new();

    private ResizeTable(int outputs, int taps)
    {
        Taps = taps;
        Starts = new int[outputs];
        Counts = new int[outputs];
        Weights = new float[outputs * taps];
    }

    public int[] Starts { get; }

    public int[] Counts { get; }

    public float[] Weights { get; }

    public int Taps { get; }

    public static ResizeTable Of(Interpolation mode, int inputs, int outputs, bool alignCorners, bool antialias)
    {
        if (s_tables.Count > 256) s_tables.Clear(); // pictures of every size must not fill the memory
        return s_tables.GetOrAdd((mode, inputs, outputs, alignCorners, antialias), static key => Build(key.Item1, key.Item2, key.Item3, key.Item4, key.Item5));
    }

    private static ResizeTable Build(Interpolation mode, int inputs, int outputs, bool alignCorners, bool antialias)
    {
        if (antialias && mode != Interpolation.Nearest) return Antialiased(mode, inputs, outputs);
        var table = new ResizeTable(outputs, mode switch { Interpolation.Nearest => 1, Interpolation.Bilinear => 2, _ => 4 });
        var scale = alignCorners ? (outputs > 1 ? (inputs - 1.0) / (outputs - 1) : 0) : (double)inputs / outputs;
        Span<double> weights = stackalloc double[4];
        for (var i = 0; i < outputs; i++)
        {
            if (mode == Interpolation.Nearest)
            {
                // the reference multiplies in float32
                table.Set(i, Math.Min((int)(i * ((float)inputs / outputs)), inputs - 1), [1.0], inputs);
                continue;
            }

            var at = alignCorners ? i * scale : ((i + 0.5) * scale) - 0.5;
            if (mode == Interpolation.Bilinear)
            {
                at = Math.Max(at, 0);
                var left = Math.Min((int)at, inputs - 1);
                table.Set(i, left, [1 - (at - left), at - left], inputs);
                continue;
            }

            var floor = (int)Math.Floor(at);
            for (var k = 0; k < 4; k++) weights[k] = Cubic(at - (floor - 1 + k), -0.75);
            table.Set(i, floor - 1, weights, inputs);
        }

        return table;
    }

    private static ResizeTable Antialiased(Interpolation mode, int inputs, int outputs)
    {
        var scale = (double)inputs / outputs;
        var stretch = Math.Max(scale, 1);
        var support = (mode == Interpolation.Bilinear ? 1 : 2) * stretch;
        var table = new ResizeTable(outputs, ((int)Math.Ceiling(support) * 2) + 1);
        var weights = new double[table.Taps];
        for (var i = 0; i < outputs; i++)
        {
            var centre = scale * (i + 0.5);
            var first = Math.Max((int)(centre - support + 0.5), 0);
            var count = Math.Min((int)(centre + support + 0.5), inputs) - first;
            double total = 0;
            for (var k = 0; k < count; k++)
            {
                var distance = (k + first - centre + 0.5) / stretch;
                weights[k] = mode == Interpolation.Bilinear ? Math.Max(0, 1 - Math.Abs(distance)) : Cubic(distance, -0.5);
                total += weights[k];
            }

            for (var k = 0; k < count; k++) weights[k] /= total;
            table.Set(i, first, weights.AsSpan(0, count), inputs);
        }

        return table;
    }

    /// <summary>Keys' cubic convolution kernel.</summary>
    private static double Cubic(double x, double a)
    {
        x = Math.Abs(x);
        return x < 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1
            : x < 2 ? ((((x - 5) * x) + 8) * x - 4) * a
            : 0;
    }

    /// <summary>Stores weights; those of places beyond the ends go to the outermost input.</summary>
    private void Set(int output, int first, ReadOnlySpan<double> weights, int inputs)
    {
        var start = Math.Clamp(first, 0, inputs - 1);
        var last = Math.Clamp(first + weights.Length - 1, 0, inputs - 1);
        Starts[output] = start;
        Counts[output] = last - start + 1;
        Span<double> sums = stackalloc double[Counts[output]];
        sums.Clear();
        for (var k = 0; k < weights.Length; k++) sums[Math.Clamp(first + k, 0, inputs - 1) - start] += weights[k];
        for (var k = 0; k < sums.Length; k++) Weights[(output * Taps) + k] = (float)sums[k];
    }
}
