using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void Rotate(Tensor x, Tensor cos, Tensor sin, Tensor y, bool headsFirst, bool inverse)
    {
        var pieces = new RotatePieces(new FloatView(x), cos.F32, sin.F32, new FloatView(y), x.Shape, cos.Shape[0] == 1, headsFirst, inverse);
        Parallel(ref pieces, RowPieces(x.Shape.Rows, x.Shape.Columns, out pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void SinePositions(Tensor x, Tensor y, int features, float temperature, float scale, bool exchange)
    {
        var pieces = new SinePieces(x.F32, y.F32, null, x.Count, x.Shape.Columns, features, temperature, scale, exchange);
        Parallel(ref pieces, PieceCount(x.Count, SinePieces.Size));
    }

    /// <inheritdoc/>
    public override unsafe void SinePositionsBackward(Tensor x, Tensor dy, Tensor dx, int features, float temperature, float scale, bool exchange)
    {
        var pieces = new SinePieces(x.F32, dy.F32, dx.F32, x.Count, x.Shape.Columns, features, temperature, scale, exchange);
        Parallel(ref pieces, PieceCount(x.Count, SinePieces.Size));
    }

    private unsafe struct RotatePieces(FloatView x, float* cos, float* sin, FloatView y, Shape shape, bool oneTable, bool headsFirst, bool inverse) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var D = shape[3];
            var (heads, length) = headsFirst ? (shape[1], shape[2]) : (shape[2], shape[1]);
            var wide = Scratch.Rent(0, D);
            var result = Scratch.Rent(1, D);
            var end = Math.Min((piece + 1) * RowsPerPiece, shape.Rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
            {
                var b = row / heads / length;
                var at = headsFirst ? row % length : row / heads % length;
                var table = ((oneTable ? 0 : b * length) + at) * (D / 2);
                var kernel = new RotateRow(x.Read(row * D, D, wide), cos + table, sin + table, y.Target(row * D, result), D / 2, inverse);
                Reductions.Dispatch(ref kernel);
                y.Commit(row * D, D, result);
            }
        }
    }

    internal readonly unsafe struct RotateRow(float* x, float* cos, float* sin, float* y, int half, bool inverse) : IRowKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<V>()
            where V : struct, ILanes<V> => Turn<Lane1>(Turn<V>(0));

        private int Turn<V>(int i)
            where V : struct, ILanes<V>
        {
            for (; i <= half - V.Count; i += V.Count)
            {
                var (a, b, c, s) = (V.Load(x + i), V.Load(x + half + i), V.Load(cos + i), V.Load(sin + i));
                if (inverse) s = -s;
                ((a * c) - (b * s)).Store(y + i);
                ((b * c) + (a * s)).Store(y + half + i);
            }

            return i;
        }
    }

    /// <summary>Angles in float64: they reach hundreds of radians, where float32 has lost four digits.</summary>
    private readonly unsafe struct SinePieces(float* x, float* y, float* dx, long count, int coordinates, int features, float temperature, float scale, bool exchange) : IPieces
    {
        public const int Size = 64;

        public void Run(int piece)
        {
            var end = Math.Min((piece + 1L) * Size, count);
            for (var i = (long)piece * Size; i < end; i++)
            {
                var coordinate = (int)(i % coordinates);
                var place = exchange && coordinates >= 2 && coordinate < 2 ? 1 - coordinate : coordinate;
                var target = y + ((i - coordinate + place) * features);
                double slope = 0;
                for (var f = 0; f < features; f += 2)
                {
                    var frequency = scale / Math.Pow(temperature, (double)f / features);
                    var (sin, cos) = Math.SinCos(x[i] * frequency);
                    if (dx == null) (target[f], target[f + 1]) = ((float)sin, (float)cos);
                    else slope += frequency * ((target[f] * cos) - (target[f + 1] * sin));
                }

                if (dx != null) dx[i] = (float)slope;
            }
        }
    }
}
