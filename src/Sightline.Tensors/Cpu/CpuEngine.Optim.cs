using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Optim;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void AdamWStep(Tensor parameter, Tensor gradient, Tensor first, Tensor second, in AdamWSettings settings)
    {
        if (gradient.Shape != parameter.Shape || first.Shape != parameter.Shape || second.Shape != parameter.Shape)
            throw new ShapeException($"AdamWStep: {parameter}, gradient {gradient}, moments {first} and {second} must have one shape");
        var pieces = new AdamWPieces(parameter.F32, gradient.F32, first.F32, second.F32, parameter.Count, settings);
        Parallel(ref pieces, PieceCount(parameter.Count, ElementsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void MoveAverage(Tensor target, Tensor source, float decay)
    {
        if (target.Shape != source.Shape) throw new ShapeException($"MoveAverage: {source} does not fit {target}");
        var pieces = new AveragePieces(target.F32, source.F32, target.Count, decay);
        Parallel(ref pieces, PieceCount(target.Count, ElementsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe double SquaredNorm(Tensor x)
    {
        var count = PieceCount(x.Count, ElementsPerPiece);
        if (count == 0) return 0;
        var block = Memory.NativePool.Shared.Rent(count * sizeof(double));
        try
        {
            var sums = (double*)block.Pointer;
            var pieces = new SquarePieces(x.F32, x.Count, sums);
            Parallel(ref pieces, count);
            double sum = 0;
            for (var i = 0; i < count; i++) sum += sums[i];
            return sum;
        }
        finally
        {
            block.Release();
        }
    }

    private readonly unsafe struct AdamWPieces(float* p, float* g, float* m, float* v, long count, AdamWSettings s) : IPieces
    {
        public void Run(int piece)
        {
            var start = (long)piece * ElementsPerPiece;
            var end = Math.Min(start + ElementsPerPiece, count);
            var keep = (float)(1 - (s.LearningRate * s.WeightDecay));
            var (beta1, beta2) = ((float)s.Beta1, (float)s.Beta2);
            var (rest1, rest2) = ((float)(1 - s.Beta1), (float)(1 - s.Beta2));
            var step = (float)(s.LearningRate / (1 - Math.Pow(s.Beta1, s.Step)));
            var root = (float)Math.Sqrt(1 - Math.Pow(s.Beta2, s.Step));
            var epsilon = (float)s.Epsilon;
            var i = start;
            if (Vector256.IsHardwareAccelerated)
            {
                for (; i <= end - Vector256<float>.Count; i += Vector256<float>.Count)
                {
                    var gradient = Vector256.Load(g + i) * s.GradientScale;
                    // lerp form, as torch: m + (1 - β₁)(g - m)
                    var mean = Vector256.Load(m + i);
                    mean += (gradient - mean) * rest1;
                    var square = (Vector256.Load(v + i) * beta2) + (gradient * gradient * rest2);
                    mean.Store(m + i);
                    square.Store(v + i);
                    var denominator = (Vector256.Sqrt(square) / Vector256.Create(root)) + Vector256.Create(epsilon);
                    ((Vector256.Load(p + i) * keep) - (mean / denominator * step)).Store(p + i);
                }
            }

            for (; i < end; i++)
            {
                var gradient = g[i] * s.GradientScale;
                m[i] += (gradient - m[i]) * rest1;
                v[i] = (v[i] * beta2) + (gradient * gradient * rest2);
                var denominator = (MathF.Sqrt(v[i]) / root) + epsilon;
                p[i] = (p[i] * keep) - (m[i] / denominator * step);
            }
        }
    }

    private readonly unsafe struct AveragePieces(float* target, float* source, long count, float decay) : IPieces
    {
        public void Run(int piece)
        {
            var start = (long)piece * ElementsPerPiece;
            var end = Math.Min(start + ElementsPerPiece, count);
            var i = start;
            for (; i <= end - Vector256<float>.Count && Vector256.IsHardwareAccelerated; i += Vector256<float>.Count)
                ((Vector256.Load(target + i) * decay) + (Vector256.Load(source + i) * (1 - decay))).Store(target + i);
            for (; i < end; i++) target[i] = (target[i] * decay) + (source[i] * (1 - decay));
        }
    }

    private readonly unsafe struct SquarePieces(float* x, long count, double* sums) : IPieces
    {
        public void Run(int piece)
        {
            var start = (long)piece * ElementsPerPiece;
            var end = Math.Min(start + ElementsPerPiece, count);
            double sum = 0;
            for (var i = start; i < end; i++) sum += (double)x[i] * x[i];
            sums[piece] = sum;
        }
    }
}
