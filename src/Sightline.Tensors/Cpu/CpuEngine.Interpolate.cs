using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void Interpolate(Interpolation mode, Tensor x, Tensor y, bool alignCorners, bool antialias)
    {
        var across = ResizeTable.Of(mode, x.Shape[3], y.Shape[3], alignCorners, antialias);
        var down = ResizeTable.Of(mode, x.Shape[2], y.Shape[2], alignCorners, antialias);
        var pieces = new ResizePieces(x.F32, y.F32, across, down, x.Shape, y.Shape);
        Parallel(ref pieces, x.Shape[0] * x.Shape[1]);
    }

    /// <inheritdoc/>
    public override unsafe void InterpolateBackward(Interpolation mode, Tensor dy, Tensor dx, bool alignCorners, bool antialias)
    {
        var across = ResizeTable.Of(mode, dx.Shape[3], dy.Shape[3], alignCorners, antialias);
        var down = ResizeTable.Of(mode, dx.Shape[2], dy.Shape[2], alignCorners, antialias);
        var pieces = new ResizeGradientPieces(dx.F32, dy.F32, across, down, dx.Shape, dy.Shape);
        Parallel(ref pieces, dx.Shape[0] * dx.Shape[1]);
    }

    /// <summary>target += factor · source.</summary>
    private static unsafe void AddScaled(float* source, float* target, int count, float factor) =>
        Elementwise.Map(source, target, target, count, new AddScaledKernel(factor));

    /// <summary>A plane: rows are resized into scratch, then columns.</summary>
    private readonly unsafe struct ResizePieces(float* x, float* y, ResizeTable across, ResizeTable down, Shape from, Shape to) : IPieces
    {
        public void Run(int piece)
        {
            var (H, W, Ho, Wo) = (from[2], from[3], to[2], to[3]);
            var rows = Scratch.Rent(0, (long)H * Wo);
            var source = x + ((long)piece * H * W);
            for (var r = 0; r < H; r++)
            {
                for (var i = 0; i < Wo; i++)
                {
                    var sum = 0f;
                    for (var k = 0; k < across.Counts[i]; k++) sum += across.Weights[(i * across.Taps) + k] * source[(r * W) + across.Starts[i] + k];
                    rows[(r * Wo) + i] = sum;
                }
            }

            var target = y + ((long)piece * Ho * Wo);
            for (var i = 0; i < Ho; i++)
            {
                new Span<float>(target + (i * Wo), Wo).Clear();
                for (var k = 0; k < down.Counts[i]; k++)
                    AddScaled(rows + ((down.Starts[i] + k) * Wo), target + (i * Wo), Wo, down.Weights[(i * down.Taps) + k]);
            }
        }
    }

    /// <summary>The transpose: columns first, then rows.</summary>
    private readonly unsafe struct ResizeGradientPieces(float* dx, float* dy, ResizeTable across, ResizeTable down, Shape from, Shape to) : IPieces
    {
        public void Run(int piece)
        {
            var (H, W, Ho, Wo) = (from[2], from[3], to[2], to[3]);
            var rows = Scratch.Rent(0, (long)H * Wo);
            new Span<float>(rows, H * Wo).Clear();
            var source = dy + ((long)piece * Ho * Wo);
            for (var i = 0; i < Ho; i++)
            {
                for (var k = 0; k < down.Counts[i]; k++)
                    AddScaled(source + (i * Wo), rows + ((down.Starts[i] + k) * Wo), Wo, down.Weights[(i * down.Taps) + k]);
            }

            var target = dx + ((long)piece * H * W);
            new Span<float>(target, H * W).Clear();
            for (var r = 0; r < H; r++)
            {
                for (var i = 0; i < Wo; i++)
                {
                    for (var k = 0; k < across.Counts[i]; k++) target[(r * W) + across.Starts[i] + k] += across.Weights[(i * across.Taps) + k] * rows[(r * Wo) + i];
                }
            }
        }
    }

    private readonly struct AddScaledKernel(float factor) : IBinaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V a, V b)
            where V : struct, ILanes<V> => V.Fma(a, V.Create(factor), b);
    }
}
