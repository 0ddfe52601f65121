using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    private const int PairsPerPiece = 1 << 11;

    /// <inheritdoc/>
    public override unsafe void BoxIou(BoxIouKind kind, Tensor a, Tensor b, Tensor y, bool pairwise, bool exact, float eps)
    {
        var columns = pairwise ? b.Shape[0] : 1;
        var pieces = new IouPieces(new BoxPair(kind, exact, eps), a.F32, b.F32, y.F32, a.Shape[0], columns, pairwise);
        Parallel(ref pieces, columns == 0 ? 0 : PieceCount(a.Shape[0], pieces.RowsPerPiece));
    }

    /// <inheritdoc/>
    public override unsafe void BoxIouBackward(BoxIouKind kind, Tensor a, Tensor b, Tensor dy, Tensor? da, Tensor? db, bool pairwise, bool exact, float eps)
    {
        var pair = new BoxPair(kind, exact, eps);
        var (n, m) = (a.Shape[0], b.Shape[0]);
        // each side in a loop of its own: a piece owns the boxes that it writes
        if (da is not null)
        {
            var pieces = new IouGradientPieces(pair, a.F32, b.F32, dy.F32, da.F32, n, pairwise ? m : 1, pairwise, m, false);
            Parallel(ref pieces, PieceCount(n, pieces.BoxesPerPiece));
        }

        if (db is not null)
        {
            var pieces = new IouGradientPieces(pair, a.F32, b.F32, dy.F32, db.F32, m, pairwise ? n : 1, pairwise, m, true);
            Parallel(ref pieces, PieceCount(m, pieces.BoxesPerPiece));
        }
    }

    /// <inheritdoc/>
    public override unsafe void BoxCorners(Tensor x, Tensor y, bool toCorners, bool adjoint)
    {
        var from = x.F32;
        var to = y.F32;
        for (long i = 0; i < x.Count; i += 4)
        {
            var (p, q, r, s) = (from[i], from[i + 1], from[i + 2], from[i + 3]);
            (to[i], to[i + 1], to[i + 2], to[i + 3]) = (toCorners, adjoint) switch
            {
                (true, false) => (p - (0.5f * r), q - (0.5f * s), p + (0.5f * r), q + (0.5f * s)),
                (true, true) => (p + r, q + s, 0.5f * (r - p), 0.5f * (s - q)),
                (false, false) => ((p + r) / 2, (q + s) / 2, r - p, s - q),
                _ => ((0.5f * p) - r, (0.5f * q) - s, (0.5f * p) + r, (0.5f * q) + s),
            };
        }
    }

    private readonly unsafe struct IouPieces(BoxPair pair, float* a, float* b, float* y, int rows, int columns, bool pairwise) : IPieces
    {
        public int RowsPerPiece => Math.Max(1, PairsPerPiece / Math.Max(columns, 1));

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int piece)
        {
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var i = piece * RowsPerPiece; i < end; i++)
            {
                for (var j = 0; j < columns; j++)
                    y[((long)i * columns) + j] = (float)pair.Similarity(a + (4 * i), b + (4 * (pairwise ? j : i)));
            }
        }
    }

    /// <summary>Gradient of the boxes of one side; the partners are added up in order, in double.</summary>
    private readonly unsafe struct IouGradientPieces(BoxPair pair, float* a, float* b, float* dy, float* d, int boxes, int partners, bool pairwise, int m, bool right) : IPieces
    {
        public int BoxesPerPiece => Math.Max(1, PairsPerPiece / Math.Max(partners, 1));

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int piece)
        {
            var sum = stackalloc double[4];
            var end = Math.Min((piece + 1) * BoxesPerPiece, boxes);
            for (var own = piece * BoxesPerPiece; own < end; own++)
            {
                new Span<double>(sum, 4).Clear();
                for (var other = 0; other < partners; other++)
                {
                    var i = pairwise && right ? other : own;
                    var j = pairwise && !right ? other : own;
                    var g = dy[pairwise ? ((long)i * m) + j : own];
                    if (g != 0) pair.AddGradient(a + (4 * i), b + (4 * j), g, right ? null : sum, right ? sum : null);
                }

                for (var k = 0; k < 4; k++) d[(4 * own) + k] = (float)sum[k];
            }
        }
    }
}
