using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// <see cref="Gemm"/> for few rows of a and a large b, with the same bits: each panel of b is packed by the thread that multiplies with it, so that b is
/// read from memory once and its packed form never leaves the cache.
/// </summary>
internal static unsafe class ThinProduct
{
    /// <summary>Most rows for which packing each panel on the spot beats packing all of b first.</summary>
    public const int MaxRows = 28;

    private const long SerialWork = 1 << 16;

    /// <summary>c[M, N] = (add ? c : bias) + a[M, K] · b[K, N].</summary>
    public static void Run(int M, int N, int K, in StridedLines a, in StridedLines b, float* c, nint ldc, float* bias, bool add)
    {
        if (M == 0 || N == 0) return;
        using var left = new FloatBlock((long)(M + GemmTile.MaxRows) * Math.Max(K, 1));
        for (var m = 0; m < M; m += GemmTile.MaxRows)
        {
            var count = Math.Min(GemmTile.MaxRows, M - m);
            a.Pack(left.Data + ((long)m * K), GemmTile.HeightFor(count), m, count, 0, K);
        }

        var work = new Work(left.Data, b, M, N, K, c, ldc, bias, add);
        var pieces = CpuEngine.PieceCount(N, GemmTile.MaxColumns);
        if ((long)M * N * K > SerialWork) CpuEngine.Parallel(ref work, pieces);
        else for (var i = 0; i < pieces; i++) work.Run(i);
    }

    /// <summary>One panel of columns a piece.</summary>
    private readonly struct Work(float* left, StridedLines b, int M, int N, int K, float* c, nint ldc, float* bias, bool add) : IPieces
    {
        public void Run(int piece)
        {
            var n = piece * GemmTile.MaxColumns;
            var columns = Math.Min(GemmTile.MaxColumns, N - n);
            var width = GemmTile.WidthFor(columns);
            var depth = Math.Max(1, Gemm.Depth(K));
            using var packed = new FloatBlock((long)depth * width);
            for (var k = 0; k < K || k == 0; k += depth)
            {
                var steps = Math.Min(depth, K - k);
                b.Pack(packed.Data, width, n, columns, k, steps);
                for (var m = 0; m < M; m += GemmTile.MaxRows)
                {
                    var rows = Math.Min(GemmTile.MaxRows, M - m);
                    var height = GemmTile.HeightFor(rows);
                    var panel = TileLines.Packed(left + ((long)m * K) + ((long)k * height), height);
                    var target = c + (m * ldc) + n;
                    var start = bias is null ? null : bias + n;
                    if (rows == height && columns == width) GemmTile.Run(height, width, steps, panel, packed.Data, width, target, ldc, start, add || k > 0);
                    else GemmTile.RunPart(rows, columns, steps, panel, packed.Data, width, target, ldc, start, add || k > 0);
                }
            }
        }
    }
}
