using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// dw by <see cref="DirectTiles"/>: a run of rows of dy a piece adds to a sum of its own, [O, runs, padded run], the pixels of a row being the steps;
/// the sums of all pieces are then added in order.
/// </summary>
internal readonly unsafe struct DirectWeights(PaddedRows x, float* dy, float* sums, ConvGeometry g) : IPieces
{
    /// <summary>Most pieces; their number never depends on the threads.</summary>
    private const int MostPieces = 8;

    public int Pieces => CpuEngine.PieceCount(g.N * g.OutH, RowsAtOnce);

    /// <summary>Floats of one sum.</summary>
    public long Size => (long)g.O * DirectTiles.Runs(g) * PaddedRun;

    private int RowsAtOnce => ((g.N * g.OutH) + MostPieces - 1) / MostPieces;

    private int PaddedRun => DirectTiles.RoundUp(DirectTiles.RunLength(g));

    public void Run(int piece)
    {
        var sum = sums + (piece * Size);
        new Span<float>(sum, checked((int)Size)).Clear();
        var end = Math.Min((piece + 1) * RowsAtOnce, g.N * g.OutH);
        var gathers = DirectTiles.Gathers(g);
        var memory = x.Rent(g.KernelH, (gathers ? (long)g.OutW * DirectTiles.LineStride(g) : 0) + GemmTile.MaxColumnsEver);
        var rows = (float*)memory.Pointer;
        var patches = rows + ((long)g.KernelH * x.RowSize) + 16;
        for (var row = piece * RowsAtOnce; row < end; row++)
        {
            x.Load(row / g.OutH, row % g.OutH * g.Stride, g.KernelH, rows);
            if (gathers) x.Gather(rows, g, patches);
            for (var r = 0; r < DirectTiles.Runs(g); r++)
                AddRow(gathers ? patches : rows + ((long)r * x.RowSize), dy + ((long)row * g.OutW * g.O), sum + ((long)r * PaddedRun));
        }

        memory.Release();
    }

    /// <summary>sum += slopeᵀ · what the row of the kernel sees, both [OutW, ..].</summary>
    private void AddRow(float* right, float* slope, float* sum)
    {
        nint ldc = DirectTiles.Runs(g) * PaddedRun;
        for (var o = 0; o < g.O;)
        {
            var height = DirectTiles.ExactHeight(g.O - o);
            var left = new TileLines(slope + o, 1, g.O);
            for (var n = 0; n < PaddedRun; n += GemmTile.MaxColumns)
            {
                var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, PaddedRun - n));
                GemmTile.Run(height, width, g.OutW, left, right + n, DirectTiles.LineStride(g), sum + (o * ldc) + n, ldc, null, add: true);
            }

            o += height;
        }
    }

    /// <summary>target [O, KernelH, KernelW, C] = the sum of all pieces' sums; an output channel a piece.</summary>
    internal readonly struct Total(DirectWeights work, ConvGeometry g, float* sums, float* target) : IPieces
    {
        public void Run(int o)
        {
            var (runs, run) = (DirectTiles.Runs(g), DirectTiles.RunLength(g));
            for (var r = 0; r < runs; r++)
            {
                var to = target + ((((long)o * runs) + r) * run);
                var from = sums + ((((long)o * runs) + r) * work.PaddedRun);
                new ReadOnlySpan<float>(from, run).CopyTo(new Span<float>(to, run));
                for (var piece = 1; piece < work.Pieces; piece++) Elementwise.Map(to, from + (piece * work.Size), to, run, default(AddKernel));
            }
        }
    }
}
