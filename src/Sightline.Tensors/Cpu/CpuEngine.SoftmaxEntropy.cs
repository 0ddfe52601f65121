using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    private const float NoWeight = -150f; // e^-150 is 0 in float32

    /// <inheritdoc/>
    public override unsafe void SoftmaxEntropy(Tensor x, Tensor temperature, Tensor y)
    {
        var (rows, columns) = (x.Shape[0], x.Shape[1]);
        var pieces = new SoftmaxEntropyPieces(new FloatView(x), temperature.F32, y.F32, rows, columns);
        Parallel(ref pieces, RowPieces(rows, columns, out pieces.RowsPerPiece));
    }

    private unsafe struct SoftmaxEntropyPieces(FloatView x, float* temperature, float* y, long rows, int columns) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wide = Scratch.Rent(0, columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var scores = x.Read(row * columns, columns, wide);
                var kernel = new EntropyRow(scores, columns, Reductions.Max(scores, columns), MathF.Min(1f / temperature[row], float.MaxValue));
                Reductions.Dispatch(ref kernel);
                y[row] = kernel.Result;
            }
        }
    }

    /// <summary>Both sums in one pass over the row, two accumulators of sixteen lanes each.</summary>
    private unsafe struct EntropyRow(float* x, int count, float shift, float scale) : IRowKernel
    {
        public float Result;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>()
            where V : struct, ILanes<V>
        {
            var (offset, factor, least) = (V.Create(shift), V.Create(scale), V.Create(NoWeight));
            var (s0, s1, w0, w1) = (V.Create(0f), V.Create(0f), V.Create(0f), V.Create(0f));
            var i = 0;
            for (; i <= count - 32; i += 32)
            {
                var (z0, z1) = ((V.Load(x + i) - offset) * factor, (V.Load(x + i + 16) - offset) * factor);
                var (e0, e1) = (LaneMath.Exp(z0), LaneMath.Exp(z1));
                s0 += e0;
                s1 += e1;
                // what has no weight adds nothing: 0 · -∞ is not a number
                w0 = V.Fma(e0, V.Max(z0, least), w0);
                w1 = V.Fma(e1, V.Max(z1, least), w1);
            }

            for (; i < count; i += 16)
            {
                var z = (Reductions.LoadTail<V>(x + i, Math.Min(16, count - i), float.NegativeInfinity) - offset) * factor;
                var e = LaneMath.Exp(z);
                s0 += e;
                w0 = V.Fma(e, V.Max(z, least), w0);
            }

            var sum = (s0 + s1).Sum();
            Result = MathF.Log(sum) - ((w0 + w1).Sum() / sum);
        }
    }
}
