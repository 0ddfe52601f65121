using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void Softmax(Tensor x, Tensor? mask, Tensor y, bool log)
    {
        var columns = x.Shape.Columns;
        var pieces = new SoftmaxPieces(new FloatView(x), new FloatView(y), mask is null ? null : (byte*)mask.Data, mask is null ? default : new MaskRows(x.Shape, mask.Shape), x.Shape.Rows, columns, log);
        Parallel(ref pieces, RowPieces(x.Shape.Rows, columns, out pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override void SoftmaxBackward(Tensor y, Tensor dy, Tensor dx, bool log)
    {
        var columns = y.Shape.Columns;
        var pieces = new SoftmaxGradientPieces(new FloatView(y), new FloatView(dy), new FloatView(dx), y.Shape.Rows, columns, log);
        Parallel(ref pieces, RowPieces(y.Shape.Rows, columns, out pieces.RowsPerPiece));
    }

    private unsafe struct SoftmaxPieces(FloatView x, FloatView y, byte* mask, MaskRows maskRows, long rows, int columns, bool log) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wide = Scratch.Rent(0, columns);
            var result = Scratch.Rent(1, columns);
            var masked = mask == null ? null : Scratch.Rent(2, columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var source = x.Read(row * columns, columns, wide);
                if (mask != null)
                {
                    var keep = mask + maskRows.Start(row);
                    for (var i = 0; i < columns; i++) masked[i] = keep[i * maskRows.ColumnStep] != 0 ? source[i] : float.NegativeInfinity;
                    source = masked;
                }

                var target = y.Target(row * columns, result);
                var max = Reductions.Max(source, columns);
                if (float.IsNegativeInfinity(max)) new Span<float>(target, columns).Fill(log ? max : 0f);
                else SoftmaxRow(source, target, max);
                y.Commit(row * columns, columns, result);
            }
        }

        private readonly void SoftmaxRow(float* source, float* target, float max)
        {
            if (log)
            {
                var sum = ExpSum(source, null, columns, max);
                Elementwise.Map(source, target, columns, new LogShift(max, MathF.Log(sum)));
            }
            else
            {
                var sum = ExpSum(source, target, columns, max);
                Elementwise.Map(target, target, columns, new ScaleKernel(1f / sum));
            }
        }
    }

    private unsafe struct SoftmaxGradientPieces(FloatView y, FloatView dy, FloatView dx, long rows, int columns, bool log) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wideY = Scratch.Rent(0, columns);
            var wideG = Scratch.Rent(1, columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var value = y.Read(row * columns, columns, wideY);
                var g = dy.Read(row * columns, columns, wideG);
                var target = dx.Target(row * columns, wideG);
                if (log) Elementwise.Map(value, g, target, columns, new LogSoftmaxGradient(Reductions.Sum(g, columns)));
                else Elementwise.Map(value, g, target, columns, new SoftmaxGradient(Reductions.Dot(value, g, columns)));
                dx.Commit(row * columns, columns, wideG);
            }
        }
    }

    /// <summary>Σ e^(x - shift) in four accumulators of sixteen lanes; the exponentials go to <paramref name="target"/> where given.</summary>
    internal static unsafe float ExpSum(float* x, float* target, int count, float shift)
    {
        var kernel = new ExpSumRow(x, target, count, shift);
        Reductions.Dispatch(ref kernel);
        return kernel.Result;
    }

    private unsafe struct ExpSumRow(float* x, float* target, int count, float shift) : IRowKernel
    {
        public float Result;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>()
            where V : struct, ILanes<V>
        {
            var offset = V.Create(shift);
            var (s0, s1) = (V.Create(0f), V.Create(0f));
            var i = 0;
            for (; i <= count - 32; i += 32)
            {
                var (e0, e1) = (LaneMath.Exp(V.Load(x + i) - offset), LaneMath.Exp(V.Load(x + i + 16) - offset));
                s0 += e0;
                s1 += e1;
                if (target == null) continue;
                e0.Store(target + i);
                e1.Store(target + i + 16);
            }

            var buffer = stackalloc float[16];
            for (; i < count; i += 16)
            {
                var length = Math.Min(16, count - i);
                var e = LaneMath.Exp(Reductions.LoadTail<V>(x + i, length, float.NegativeInfinity) - offset);
                s0 += e;
                if (target == null) continue;
                e.Store(buffer);
                for (var j = 0; j < length; j++) target[i + j] = buffer[j];
            }

            Result = (s0 + s1).Sum();
        }
    }

    private readonly struct LogShift(float max, float logSum) : IUnaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V x)
            where V : struct, ILanes<V> => x - V.Create(max) - V.Create(logSum);
    }

    private readonly struct SoftmaxGradient(float dot) : IBinaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V y, V g)
            where V : struct, ILanes<V> => y * (g - V.Create(dot));
    }

    private readonly struct LogSoftmaxGradient(float sum) : IBinaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V y, V g)
            where V : struct, ILanes<V> => g - (LaneMath.Exp(y) * V.Create(sum));
    }
}
