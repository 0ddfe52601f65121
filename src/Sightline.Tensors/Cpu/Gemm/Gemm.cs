using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>
/// c[M, N] = (add ? c : bias) + a[M, K] · b[K, N] in float32, after Goto and van de Geijn, "Anatomy of high-performance
/// matrix multiplication" (2008): both operands are packed into panels, a block of b stays in the second-level cache, a
/// panel of a in the first. Every element of c is summed by one tile over blocks of K of a fixed size, in order: results
/// depend neither on the number of threads nor on how M and N are cut.
/// </summary>
internal static unsafe class Gemm
{
    /// <summary>Longest run of K that is summed in registers. A panel of a then has at most 21 KB.</summary>
    private const int MaxDepth = 384;

    /// <summary>The same where a is read in place and a step of its panel is nearly two lines of the cache.</summary>
    private const int DepthInPlace = 192;

    /// <summary>Rows of c that are packed at once.</summary>
    private const int MaxRows = 2016;

    /// <summary>Columns of c that are packed at once.</summary>
    private const int MaxColumns = 2048;

    /// <summary>Columns of b that share the second-level cache: 256 · 384 floats.</summary>
    private const int BlockColumns = 256;

    /// <summary>Floats in a line of the cache.</summary>
    private const int FloatsInLine = 16;

    /// <summary>Multiply-adds below which waking threads costs more than it saves.</summary>
    private const long SerialWork = 1 << 18;

    /// <summary>Runs on the calling thread or the team, with the same bits.</summary>
    public static void Run<TA, TB>(int M, int N, int K, TA a, TB b, float* c, nint ldc, float* bias, bool add)
        where TA : struct, IPanelSource
        where TB : struct, IPanelSource
    {
        if (M == 0 || N == 0) return;
        if (K == 0)
        {
            if (!add) Start(M, N, c, ldc, bias);
            return;
        }

        var depth = Depth(K, a.InPlace && a.StepsApart ? DepthInPlace : MaxDepth);
        var parallel = (long)M * N * K > SerialWork;
        var rows = Math.Min(M, MaxRows);
        var columns = Math.Min(N, MaxColumns);
        var sizeA = (long)RoundUp(rows, GemmTile.MaxRows) * depth;
        var sizeB = (long)RoundUp(columns, GemmTile.MaxColumns) * depth;
        var block = NativePool.Shared.Rent((sizeA + sizeB) * sizeof(float));
        try
        {
            var packedA = (float*)block.Pointer;
            var work = new Work<TA, TB>(a, b, packedA, packedA + sizeA, ldc);
            for (var n = 0; n < N; n += MaxColumns)
            {
                for (var k = 0; k < K; k += depth)
                {
                    for (var m = 0; m < M; m += MaxRows)
                    {
                        work.Set(m, Math.Min(MaxRows, M - m), n, Math.Min(MaxColumns, N - n), k, Math.Min(depth, K - k));
                        work.SetOutput(c + (m * ldc) + n, bias is null ? null : bias + n, add || k > 0);
                        work.Pack(packB: m == 0, parallel);
                        work.Multiply(parallel);
                    }
                }
            }
        }
        finally
        {
            block.Release();
        }
    }

    /// <summary>Equal blocks of K, none longer than <see cref="MaxDepth"/>.</summary>
    internal static int Depth(int K) => Depth(K, MaxDepth);

    private static int Depth(int K, int most)
    {
        var blocks = (K + most - 1) / most;
        return (K + blocks - 1) / blocks;
    }

    private static int RoundUp(int value, int step) => (value + step - 1) / step * step;

    private static int Ceiling(int value, int step) => (value + step - 1) / step;

    private static void Start(int M, int N, float* c, nint ldc, float* bias)
    {
        for (var m = 0; m < M; m++)
        {
            var row = new Span<float>(c + (m * ldc), N);
            if (bias is null) row.Clear();
            else new ReadOnlySpan<float>(bias, N).CopyTo(row);
        }
    }

    /// <summary>One block of the product: first its panels are packed, then its tiles computed.</summary>
    private struct Work<TA, TB>(TA a, TB b, float* packedA, float* packedB, nint ldc) : IPieces
        where TA : struct, IPanelSource
        where TB : struct, IPanelSource
    {
        private readonly TA _a = a;
        private readonly TB _b = b;
        private int _m;
        private int _M;
        private int _n;
        private int _N;
        private int _k;
        private int _K;
        private float* _c;
        private float* _bias;
        private bool _add;
        private bool _packing;
        private int _panelsA;
        private int _panelsB;
        private int _rowPanels;
        private int _rowChunks;

        public void Set(int m, int M, int n, int N, int k, int K)
        {
            (_m, _M, _n, _N, _k, _K) = (m, M, n, N, k, K);
            _panelsA = Ceiling(M, GemmTile.MaxRows);
            _panelsB = Ceiling(N, GemmTile.MaxColumns);
        }

        public void SetOutput(float* c, float* bias, bool add)
        {
            _c = c;
            _bias = bias;
            _add = add;
        }

        public void Pack(bool packB, bool parallel)
        {
            _packing = true;
            var count = _panelsA + (packB ? _panelsB : 0);
            Go(count, parallel);
        }

        public void Multiply(bool parallel)
        {
            _packing = false;
            var blocks = Ceiling(_N, BlockColumns);
            // at least eight pieces where there is work for them; a chunk of rows reuses the block of b
            _rowChunks = Math.Clamp(Ceiling(8, blocks), 1, Ceiling(_panelsA, 2));
            _rowPanels = Ceiling(_panelsA, _rowChunks);
            _rowChunks = Ceiling(_panelsA, _rowPanels);
            Go(blocks * _rowChunks, parallel);
        }

        public readonly void Run(int piece)
        {
            if (!_packing) MultiplyPiece(piece);
            else if (piece < _panelsA) PackRows(piece);
            else PackColumns(piece - _panelsA);
        }

        private void Go(int count, bool parallel)
        {
            if (parallel)
            {
                CpuEngine.Parallel(ref this, count);
                return;
            }

            for (var i = 0; i < count; i++) Run(i);
        }

        private readonly void PackRows(int panel)
        {
            var first = panel * GemmTile.MaxRows;
            var count = Math.Min(GemmTile.MaxRows, _M - first);
            if (_a.InPlace && count == GemmTile.HeightFor(count)) return;
            _a.Pack(packedA + ((long)first * _K), GemmTile.HeightFor(count), _m + first, count, _k, _K);
        }

        private readonly void PackColumns(int panel)
        {
            var first = panel * GemmTile.MaxColumns;
            var count = Math.Min(GemmTile.MaxColumns, _N - first);
            if (ReadsInPlace(count)) return;
            _b.Pack(packedB + ((long)first * _K), GemmTile.WidthFor(count), _n + first, count, _k, _K);
        }

        private readonly void MultiplyPiece(int piece)
        {
            var block = piece / _rowChunks;
            var firstPanel = piece % _rowChunks * _rowPanels;
            var lastPanel = Math.Min(firstPanel + _rowPanels, _panelsA);
            var lastColumn = Math.Min((block + 1) * BlockColumns, _N);
            for (var panel = firstPanel; panel < lastPanel; panel++)
            {
                for (var n = block * BlockColumns; n < lastColumn; n += GemmTile.MaxColumns)
                {
                    FetchAhead(panel, panel < lastPanel - 1, n, block * BlockColumns, lastColumn);
                    MultiplyTile(panel * GemmTile.MaxRows, n);
                }
            }
        }

        /// <summary>
        /// While a tile is computed: its place in c, and a part of the next panel of a, where that is read in place. Waiting for them
        /// otherwise cost a sixth of the time of products with a hundred columns.
        /// </summary>
        private readonly void FetchAhead(int panel, bool more, int n, int firstColumn, int lastColumn)
        {
            if (!Sse.IsSupported) return;
            var rows = Math.Min(GemmTile.MaxRows, _M - (panel * GemmTile.MaxRows));
            var c = _c + (panel * GemmTile.MaxRows * ldc) + n;
            var columns = Math.Min(GemmTile.MaxColumns, lastColumn - n);
            for (var i = 0; i < rows; i++, c += ldc)
            {
                for (var j = 0; j < columns; j += FloatsInLine) Sse.Prefetch0(c + j);
            }

            if (!more || !_a.InPlace || _a.StepsApart) return;
            var next = _a.LinesAt(_m + ((panel + 1) * GemmTile.MaxRows), _k);
            var tiles = Ceiling(lastColumn - firstColumn, GemmTile.MaxColumns);
            var share = RoundUp(Ceiling(_K, tiles), FloatsInLine);
            var first = (n - firstColumn) / GemmTile.MaxColumns * share;
            rows = Math.Min(GemmTile.MaxRows, _M - ((panel + 1) * GemmTile.MaxRows));
            for (var i = 0; i < rows; i++)
            {
                var line = next.Data + (i * next.LineStride);
                for (var k = first; k < Math.Min(first + share, _K); k += FloatsInLine) Sse.Prefetch0(line + k);
            }
        }

        private readonly void MultiplyTile(int m, int n)
        {
            var rows = Math.Min(GemmTile.MaxRows, _M - m);
            var columns = Math.Min(GemmTile.MaxColumns, _N - n);
            var height = GemmTile.HeightFor(rows);
            var width = GemmTile.WidthFor(columns);
            var left = _a.InPlace && rows == height ? _a.LinesAt(_m + m, _k) : TileLines.Packed(packedA + ((long)m * _K), height);
            var b = packedB + ((long)n * _K);
            nint ldb = width;
            if (ReadsInPlace(columns))
            {
                var right = _b.LinesAt(_n + n, _k);
                b = right.Data;
                ldb = right.StepStride;
            }

            var c = _c + (m * ldc) + n;
            var bias = _bias is null ? null : _bias + n;
            if (TA.IsPairs) PairTile.Run(rows, columns, _K, left.Data, b, c, ldc, bias, _add);
            else if (rows == height && columns == width) GemmTile.Run(height, width, _K, left, b, ldb, c, ldc, bias, _add);
            else GemmTile.RunPart(rows, columns, _K, left, b, ldb, c, ldc, bias, _add);
        }

        /// <summary>Whether a panel of b is whole and has its columns beside each other in memory.</summary>
        private readonly bool ReadsInPlace(int columns) => _b.InPlace && _b.StepsApart && columns == GemmTile.WidthFor(columns);
    }
}
