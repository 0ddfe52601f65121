using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void L2Normalize(Tensor x, Tensor y, Tensor norms, float eps)
    {
        var columns = x.Shape.Columns;
        var pieces = new UnitPieces(new FloatView(x), new FloatView(y), norms.F32, x.Shape.Rows, columns, eps);
        Parallel(ref pieces, RowPieces(x.Shape.Rows, columns, out pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void L2NormalizeBackward(Tensor y, Tensor norms, Tensor dy, Tensor dx)
    {
        var columns = y.Shape.Columns;
        var pieces = new UnitGradientPieces(new FloatView(y), new FloatView(dy), new FloatView(dx), norms.F32, y.Shape.Rows, columns);
        Parallel(ref pieces, RowPieces(y.Shape.Rows, columns, out pieces.RowsPerPiece));
    }

    private unsafe struct UnitPieces(FloatView x, FloatView y, float* norms, long rows, int columns, float eps) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wide = Scratch.Rent(0, columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var source = x.Read(row * columns, columns, wide);
                var norm = MathF.Sqrt(Reductions.Dot(source, source, columns));
                norms[row] = norm < eps ? -eps : norm;
                Elementwise.Map(source, y.Target(row * columns, wide), columns, new WithRight<DivKernel>(default, Math.Abs(norms[row])));
                y.Commit(row * columns, columns, wide);
            }
        }
    }

    private unsafe struct UnitGradientPieces(FloatView y, FloatView dy, FloatView dx, float* norms, long rows, int columns) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var wideY = Scratch.Rent(0, columns);
            var wideG = Scratch.Rent(1, columns);
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var unit = y.Read(row * columns, columns, wideY);
                var g = dy.Read(row * columns, columns, wideG);
                var dot = norms[row] < 0 ? 0f : Reductions.Dot(unit, g, columns);
                Elementwise.Map(unit, g, dx.Target(row * columns, wideG), columns, new UnitGradient(dot, Math.Abs(norms[row])));
                dx.Commit(row * columns, columns, wideG);
            }
        }
    }

    private readonly struct UnitGradient(float dot, float norm) : IBinaryKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Invoke<V>(V y, V g)
            where V : struct, ILanes<V> => V.Fma(y, V.Create(-dot), g) / V.Create(norm);
    }
}
