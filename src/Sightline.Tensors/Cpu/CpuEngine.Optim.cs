using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Optim;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void AdamWStep(Tensor parameter, Tensor gradient, Tensor first, Tensor second, in AdamWSettings settings, Tensor? largest = null, Tensor? copy = null)
    {
        CheckShapes("AdamWStep", parameter, gradient, first, second, largest, copy);
        var pieces = new StepPieces<AdamRule>(
            new AdamRule(settings), parameter.F32, new FloatView(gradient), first.F32, second.F32, largest is null ? null : largest.F32, copy is null ? default : new FloatView(copy), copy is not null, parameter.Count);
        Parallel(ref pieces, PieceCount(parameter.Count, ElementwisePiece));
    }

    /// <inheritdoc/>
    public override unsafe void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, in SgdSettings settings)
    {
        CheckShapes("SgdStep", parameter, gradient, velocity, null, null, null);
        var pieces = new StepPieces<SgdRule>(
            new SgdRule(settings), parameter.F32, new FloatView(gradient), velocity is null ? null : velocity.F32, null, null, default, false, parameter.Count);
        Parallel(ref pieces, PieceCount(parameter.Count, ElementwisePiece));
    }

    /// <inheritdoc/>
    public override void MoveAverage(Tensor target, Tensor source, float decay)
    {
        CheckShapes("MoveAverage", target, source, null, null, null, null);
        Map(source, target, target, new AverageKernel(1f - decay));
    }

    /// <inheritdoc/>
    public override double Norm(Tensor x, NormKind kind) => kind == NormKind.Two ? Math.Sqrt(SquaredNorm(x)) : PartialNorms(x, kind);

    /// <inheritdoc/>
    public override double SquaredNorm(Tensor x) => PartialNorms(x, NormKind.Two);

    private static unsafe double PartialNorms(Tensor x, NormKind kind)
    {
        var count = PieceCount(x.Count, ElementwisePiece);
        var partial = Scratch.Rent(SharedSlot, count);
        var pieces = new NormSums(new FloatView(x), partial, x.Count, kind);
        Parallel(ref pieces, count);
        double sum = 0;
        for (var i = 0; i < count; i++) sum = kind == NormKind.Infinity ? Math.Max(sum, partial[i]) : sum + partial[i];
        return sum;
    }

    private static void CheckShapes(string op, Tensor parameter, Tensor? a, Tensor? b, Tensor? c, Tensor? d, Tensor? e)
    {
        foreach (var other in (ReadOnlySpan<Tensor?>)[a, b, c, d, e])
        {
            if (other is not null && other.Shape != parameter.Shape) throw new ShapeException($"{op}: {other} does not have the shape of {parameter}");
        }
    }

    /// <summary>The update of one group of lanes.</summary>
    private unsafe interface IStepRule
    {
        V Update<V>(V weight, V gradient, float* first, float* second, float* largest)
            where V : struct, ILanes<V>;
    }

    private readonly unsafe struct StepPieces<R>(R rule, float* weights, FloatView gradient, float* first, float* second, float* largest, FloatView copy, bool copies, long count) : IPieces
        where R : struct, IStepRule
    {
        [SkipLocalsInit]
        public void Run(int piece)
        {
            var wide = stackalloc float[WidenBlock];
            var end = Math.Min((piece + 1L) * ElementwisePiece, count);
            for (var start = (long)piece * ElementwisePiece; start < end; start += WidenBlock)
            {
                var length = (int)Math.Min(WidenBlock, end - start);
                var row = new StepRow<R>(rule, weights + start, gradient.Read(start, length, wide), At(first, start), At(second, start), At(largest, start), length);
                Reductions.Dispatch(ref row);
                if (!copies) continue;
                new Span<float>(weights + start, length).CopyTo(new Span<float>(copy.Target(start, wide), length));
                copy.Commit(start, length, wide);
            }
        }

        private static float* At(float* buffer, long start) => buffer == null ? null : buffer + start;
    }

    private readonly unsafe struct StepRow<R>(R rule, float* weights, float* gradient, float* first, float* second, float* largest, int count) : IRowKernel
        where R : struct, IStepRule
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>()
            where V : struct, ILanes<V> => Update<Lane1>(Update<V>(0));

        private int Update<V>(int i)
            where V : struct, ILanes<V>
        {
            for (; i <= count - V.Count; i += V.Count)
                rule.Update(V.Load(weights + i), V.Load(gradient + i), first == null ? null : first + i, second == null ? null : second + i, largest == null ? null : largest + i).Store(weights + i);
            return i;
        }
    }

    /// <summary>
    /// m += (g - m)(1 - β1), v = β2 v + (1 - β2) g², w -= rate / (1 - β1^t) · m / (√v / √(1 - β2^t) + eps); the corrections are worked out in float64.
    /// </summary>
    private readonly unsafe struct AdamRule : IStepRule
    {
        private readonly float _scale, _shrink, _l2, _share1, _beta2, _share2, _rate, _root, _eps;

        public AdamRule(in AdamWSettings s)
        {
            _scale = s.GradientScale;
            _shrink = s.Decoupled ? (float)(1 - (s.LearningRate * s.WeightDecay)) : 1f;
            _l2 = s.Decoupled ? 0f : (float)s.WeightDecay;
            _share1 = (float)(1 - s.Beta1);
            _beta2 = (float)s.Beta2;
            _share2 = (float)(1 - s.Beta2);
            _rate = (float)(s.LearningRate / (1 - Math.Pow(s.Beta1, s.Step)));
            _root = (float)Math.Sqrt(1 - Math.Pow(s.Beta2, s.Step));
            _eps = (float)s.Epsilon;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Update<V>(V weight, V gradient, float* first, float* second, float* largest)
            where V : struct, ILanes<V>
        {
            gradient = V.Fma(weight, V.Create(_l2), gradient * V.Create(_scale));
            weight *= V.Create(_shrink);
            var m = V.Load(first);
            m = V.Fma(gradient - m, V.Create(_share1), m);
            m.Store(first);
            var v = V.Fma(gradient * gradient, V.Create(_share2), V.Load(second) * V.Create(_beta2));
            v.Store(second);
            if (largest != null)
            {
                v = V.Max(v, V.Load(largest));
                v.Store(largest);
            }

            var divisor = (V.Sqrt(v) / V.Create(_root)) + V.Create(_eps);
            return V.Fma(m / divisor, V.Create(-_rate), weight);
        }
    }

    /// <summary>u = momentum · u + g, w -= rate · (u, or g + momentum · u for Nesterov).</summary>
    private readonly unsafe struct SgdRule(SgdSettings s) : IStepRule
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Update<V>(V weight, V gradient, float* first, float* second, float* largest)
            where V : struct, ILanes<V>
        {
            gradient = V.Fma(weight, V.Create((float)s.WeightDecay), gradient * V.Create(s.GradientScale));
            if (first != null)
            {
                var velocity = V.Fma(V.Load(first), V.Create((float)s.Momentum), gradient);
                velocity.Store(first);
                gradient = s.Nesterov ? V.Fma(velocity, V.Create((float)s.Momentum), gradient) : velocity;
            }

            return V.Fma(gradient, V.Create((float)-s.LearningRate), weight);
        }
    }

    private readonly unsafe struct NormSums(FloatView x, float* partial, long count, NormKind kind) : IPieces
    {
        public void Run(int piece)
        {
            var start = (long)piece * ElementwisePiece;
            var length = (int)Math.Min(ElementwisePiece, count - start);
            var wide = Scratch.Rent(0, length);
            var source = x.Read(start, length, wide);
            if (kind == NormKind.Two)
            {
                partial[piece] = Reductions.Dot(source, source, length);
                return;
            }

            Elementwise.Map(source, wide, length, default(AbsKernel));
            partial[piece] = kind == NormKind.One ? Reductions.Sum(wide, length) : Reductions.Max(wide, length);
        }
    }

    private readonly struct AverageKernel(float share) : IBinaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V value, V average)
            where V : struct, ILanes<V> => V.Fma(value - average, V.Create(share), average);
    }
}
