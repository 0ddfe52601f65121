using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void CrossEntropy(Tensor x, Tensor targets, Tensor? classWeight, Tensor loss, Tensor lse, Tensor rowWeight, long ignore, float smoothing)
    {
        var (rows, columns) = (x.Shape[0], x.Shape[1]);
        CheckTargets(targets, columns, ignore);
        var weight = Widened(classWeight, 3);
        var total = weight == null ? columns : Reductions.Sum(weight, columns);
        var pieces = new CrossEntropyPieces(new FloatView(x), targets.I64, weight, loss.F32, lse.F32, rowWeight.F32, rows, columns, ignore, smoothing, total);
        Parallel(ref pieces, RowPieces(rows, columns, out pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void CrossEntropyBackward(Tensor x, Tensor targets, Tensor? classWeight, Tensor lse, Tensor scale, Tensor dx, long ignore, float smoothing)
    {
        var (rows, columns) = (x.Shape[0], x.Shape[1]);
        var weight = Widened(classWeight, 3);
        var total = weight == null ? columns : Reductions.Sum(weight, columns);
        var pieces = new CrossEntropyGradientPieces(new FloatView(x), targets.I64, weight, lse.F32, scale.F32, scale.Count == 1 ? 0 : 1, new FloatView(dx), rows, columns, ignore, smoothing, total);
        Parallel(ref pieces, RowPieces(rows, columns, out pieces.RowsPerPiece));
    }

    private static unsafe void CheckTargets(Tensor targets, int classes, long ignore)
    {
        var ids = targets.I64;
        for (long i = 0; i < targets.Count; i++)
        {
            if (ids[i] != ignore && (ulong)ids[i] >= (ulong)classes) throw new ShapeException($"CrossEntropy: target {ids[i]} at row {i}, but there are {classes} classes");
        }
    }

    private unsafe struct CrossEntropyPieces(
        FloatView x, long* targets, float* weight, float* loss, float* lse, float* rowWeight, long rows, int columns, long ignore, float smoothing, float total) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wide = Scratch.Rent(0, columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var target = targets[row];
                if (target == ignore)
                {
                    (loss[row], lse[row], rowWeight[row]) = (0f, 0f, 0f);
                    continue;
                }

                var logits = x.Read(row * columns, columns, wide);
                var max = Reductions.Max(logits, columns);
                var logSum = MathF.Log(ExpSum(logits, null, columns, max));
                var own = weight == null ? 1f : weight[target];
                // relative to the maximum first: lse - x_t loses nothing when both are large
                var value = own * (logSum + (max - logits[target]));
                if (smoothing > 0)
                {
                    var mean = weight == null ? Reductions.Sum(logits, columns) : Reductions.Dot(logits, weight, columns);
                    var spread = (total * (max + logSum)) - mean;
                    value = ((1f - smoothing) * value) + (smoothing / columns * spread);
                }

                (loss[row], lse[row], rowWeight[row]) = (value, max + logSum, own);
            }
        }
    }

    private unsafe struct CrossEntropyGradientPieces(
        FloatView x, long* targets, float* weight, float* lse, float* scale, int scaleStep, FloatView dx, long rows, int columns, long ignore, float smoothing, float total) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wide = Scratch.Rent(0, columns);
            var result = Scratch.Rent(1, columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var gradient = dx.Target(row * columns, result);
                var target = targets[row];
                if (target == ignore)
                {
                    new Span<float>(gradient, columns).Clear();
                }
                else
                {
                    var g = scale[row * scaleStep];
                    var own = weight == null ? 1f : weight[target];
                    var mass = ((1f - smoothing) * own) + (smoothing / columns * total);
                    var logits = x.Read(row * columns, columns, wide);
                    if (weight == null) Elementwise.Map(logits, gradient, columns, new SoftmaxMinus(lse[row], g * mass, g * smoothing / columns));
                    else Elementwise.Map(logits, weight, gradient, columns, new SoftmaxMinusWeighted(lse[row], g * mass, g * smoothing / columns));
                    gradient[target] -= g * (1f - smoothing) * own;
                }

                dx.Commit(row * columns, columns, result);
            }
        }
    }

    private readonly struct SoftmaxMinus(float lse, float mass, float spread) : IUnaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V x)
            where V : struct, ILanes<V> => (LaneMath.Exp(x - V.Create(lse)) * V.Create(mass)) - V.Create(spread);
    }

    private readonly struct SoftmaxMinusWeighted(float lse, float mass, float spread) : IBinaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V x, V w)
            where V : struct, ILanes<V> => (LaneMath.Exp(x - V.Create(lse)) * V.Create(mass)) - (w * V.Create(spread));
    }
}
