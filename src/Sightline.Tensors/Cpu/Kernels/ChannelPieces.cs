using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>What is done over all positions of each channel.</summary>
internal enum ChannelWork
{
    /// <summary>Σ x.</summary>
    Sum,

    /// <summary>Σ (x - m)².</summary>
    Squares,

    /// <summary>y = (x - m) a + b.</summary>
    Normalise,

    /// <summary>Σ g and Σ g (x - m).</summary>
    Products,

    /// <summary>y = g a + (x - m) b + d.</summary>
    Gradient,
}

/// <summary>
/// Sums and affine maps per sample and channel in either layout. <c>terms</c> holds rows of [N, C]: m, a, b, d. Partial sums are [N, blocks, C];
/// blocks of at most 2^14 elements are summed in float32, blocks of a plane are added in double.
/// </summary>
internal readonly unsafe struct ChannelPieces(ChannelWork work, ChannelLayout layout, FloatView x, FloatView g, FloatView y, float* terms, float* partial) : IPieces
{
    private const int Block = 1 << 14;

    public void Run(int piece)
    {
        if (layout.Last) RunPositions(piece);
        else RunPlanes(piece);
    }

    /// <summary>Channels first: each plane has one set of terms.</summary>
    private void RunPlanes(int piece)
    {
        var planes = (long)layout.N * layout.C;
        var end = Math.Min((piece + 1L) * layout.Step, planes);
        var wideX = Scratch.Rent(0, Block);
        var wideG = Scratch.Rent(1, Block);
        for (var plane = (long)piece * layout.Step; plane < end; plane++)
        {
            double sum = 0, product = 0;
            for (long i = 0; i < layout.Positions; i += Block)
            {
                var length = (int)Math.Min(Block, layout.Positions - i);
                var at = (plane * layout.Positions) + i;
                var source = x.Read(at, length, wideX);
                switch (work)
                {
                    case ChannelWork.Sum:
                        sum += Reductions.Sum(source, length);
                        break;
                    case ChannelWork.Squares:
                        Elementwise.Map(source, wideG, length, new WithRight<SubKernel>(default, terms[plane]));
                        sum += Reductions.Dot(wideG, wideG, length);
                        break;
                    case ChannelWork.Normalise:
                        Elementwise.Map(source, y.Target(at, wideX), length, new NormaliseKernel(terms[plane], terms[planes + plane], terms[(2 * planes) + plane]));
                        y.Commit(at, length, wideX);
                        break;
                    case ChannelWork.Products:
                        var upstream = g.Read(at, length, wideG);
                        sum += Reductions.Sum(upstream, length);
                        Elementwise.Map(source, wideX, length, new WithRight<SubKernel>(default, terms[plane]));
                        product += Reductions.Dot(upstream, wideX, length);
                        break;
                    default:
                        var kernel = new GradientKernel(terms[plane], terms[planes + plane], terms[(2 * planes) + plane], terms[(3 * planes) + plane]);
                        Elementwise.Map(source, g.Read(at, length, wideG), y.Target(at, wideX), length, kernel);
                        y.Commit(at, length, wideX);
                        break;
                }
            }

            if (work is ChannelWork.Sum or ChannelWork.Squares or ChannelWork.Products) partial[plane] = (float)sum;
            if (work == ChannelWork.Products) partial[layout.Partials + plane] = (float)product;
        }
    }

    /// <summary>Channels last: a row of C terms for every position.</summary>
    private void RunPositions(int piece)
    {
        var C = layout.C;
        var sample = piece / layout.Blocks;
        var first = (long)(piece % layout.Blocks) * layout.Step;
        var last = Math.Min(first + layout.Step, layout.Positions);
        var wideX = Scratch.Rent(0, C);
        var wideG = Scratch.Rent(1, C);
        var sum = partial + ((long)piece * C);
        if (work is ChannelWork.Sum or ChannelWork.Squares or ChannelWork.Products) new Span<float>(sum, C).Clear();
        if (work == ChannelWork.Products) new Span<float>(sum + layout.Partials, C).Clear();
        for (var position = first; position < last; position++)
        {
            var at = ((sample * layout.Positions) + position) * C;
            var row = new PositionRow(
                work,
                C,
                (long)layout.N * C,
                x.Read(at, C, wideX),
                work is ChannelWork.Products or ChannelWork.Gradient ? g.Read(at, C, wideG) : null,
                work is ChannelWork.Normalise or ChannelWork.Gradient ? y.Target(at, wideX) : null,
                terms + ((long)sample * C),
                sum,
                sum + layout.Partials);
            Reductions.Dispatch(ref row);
            if (work is ChannelWork.Normalise or ChannelWork.Gradient) y.Commit(at, C, wideX);
        }
    }

    private readonly struct PositionRow(ChannelWork work, int C, long step, float* x, float* g, float* y, float* terms, float* sum, float* product) : IRowKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>()
            where V : struct, ILanes<V>
        {
            var i = Channels<V>(0);
            if (i < C) Channels<Lane1>(i);
        }

        private int Channels<V>(int i)
            where V : struct, ILanes<V>
        {
            for (; i <= C - V.Count; i += V.Count)
            {
                var value = V.Load(x + i);
                switch (work)
                {
                    case ChannelWork.Sum:
                        (V.Load(sum + i) + value).Store(sum + i);
                        break;
                    case ChannelWork.Squares:
                        var d = value - V.Load(terms + i);
                        V.Fma(d, d, V.Load(sum + i)).Store(sum + i);
                        break;
                    case ChannelWork.Normalise:
                        V.Fma(value - V.Load(terms + i), V.Load(terms + step + i), V.Load(terms + (2 * step) + i)).Store(y + i);
                        break;
                    case ChannelWork.Products:
                        (V.Load(sum + i) + V.Load(g + i)).Store(sum + i);
                        V.Fma(V.Load(g + i), value - V.Load(terms + i), V.Load(product + i)).Store(product + i);
                        break;
                    default:
                        var centred = V.Fma(value - V.Load(terms + i), V.Load(terms + (2 * step) + i), V.Load(terms + (3 * step) + i));
                        V.Fma(V.Load(g + i), V.Load(terms + step + i), centred).Store(y + i);
                        break;
                }
            }

            return i;
        }
    }

    private readonly struct NormaliseKernel(float mean, float scale, float bias) : IUnaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V x)
            where V : struct, ILanes<V> => V.Fma(x - V.Create(mean), V.Create(scale), V.Create(bias));
    }

    private readonly struct GradientKernel(float mean, float a, float b, float d) : IBinaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V x, V g)
            where V : struct, ILanes<V> => V.Fma(g, V.Create(a), V.Fma(x - V.Create(mean), V.Create(b), V.Create(d)));
    }
}
