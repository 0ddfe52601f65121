using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// dw of a 3 x 3 convolution with stride 1 by the transforms of <see cref="WinogradForward"/>: chunk by chunk, the tiles of x and dy are transformed,
/// then each of the 36 planes adds its product [O, C] over the tiles; the sums are transformed back at the end. Chunks follow each other and
/// a plane is one piece, so the order of all sums is fixed.
/// </summary>
internal unsafe struct WinogradWeights : IPieces
{
    /// <summary>Tiles of a chunk: some megabytes of planes.</summary>
    private const int TilesAtOnce = 256;

    private const int TilesInPiece = 16;
    private readonly WinogradTiles _tiles;
    private readonly float* _x;
    private readonly float* _dy;
    private readonly ConvGeometry _g;
    private readonly float* _planesX;
    private readonly float* _planesY;
    private readonly float* _sums;
    private int _first;
    private int _count;
    private bool _multiply;

    private WinogradWeights(float* x, float* dy, ConvGeometry g, float* memory)
    {
        _tiles = new WinogradTiles(g);
        _x = x;
        _dy = dy;
        _g = g;
        _planesX = memory;
        _planesY = _planesX + SizeX(g);
        _sums = _planesY + SizeY(g);
    }

    /// <summary>target [O, 9, C] from x [N, H, W, C] and dy [N, OutH, OutW, O].</summary>
    public static void Run(float* x, float* dy, ConvGeometry g, float* target)
    {
        var size = 36L * g.O * g.C;
        var block = NativePool.Shared.Rent((SizeX(g) + SizeY(g) + size) * sizeof(float));
        try
        {
            var work = new WinogradWeights(x, dy, g, (float*)block.Pointer);
            for (var first = 0; first < work._tiles.Count; first += TilesAtOnce)
            {
                (work._first, work._count) = (first, Math.Min(TilesAtOnce, work._tiles.Count - first));
                work._multiply = false;
                CpuEngine.Parallel(ref work, CpuEngine.PieceCount(work._count, TilesInPiece));
                work._multiply = true;
                CpuEngine.Parallel(ref work, 36);
            }

            var back = new BackPieces(work._sums, g, target);
            CpuEngine.Parallel(ref back, g.O);
        }
        finally
        {
            block.Release();
        }
    }

    public readonly void Run(int piece)
    {
        if (_multiply) Multiply(piece);
        else Transform(piece * TilesInPiece, Math.Min((piece + 1) * TilesInPiece, _count));
    }

    // a partial tile at the end of the channels reads a little beyond the last row
    private static long SizeX(ConvGeometry g) => (36L * TilesAtOnce * g.C) + GemmTile.MaxColumnsEver;

    private static long SizeY(ConvGeometry g) => (36L * TilesAtOnce * g.O) + GemmTile.MaxColumnsEver;

    [SkipLocalsInit]
    private readonly void Transform(int start, int end)
    {
        var widest = Math.Max(_g.C, _g.O);
        var memory = NativePool.Shared.Rent(widest * sizeof(float));
        var zeros = (float*)memory.Pointer;
        new Span<float>(zeros, widest).Clear();
        var pixels = stackalloc float*[36];
        for (var t = start; t < end; t++)
        {
            _tiles.Inputs(_first + t, _x, zeros, pixels);
            WinogradChannels.Run(new WinogradInput(pixels, _planesX + ((long)t * _g.C), (nint)TilesAtOnce * _g.C), _g.C);
            _tiles.Outputs(_first + t, _dy, zeros, pixels);
            WinogradChannels.Run(new WinogradSlope(pixels, _planesY + ((long)t * _g.O), (nint)TilesAtOnce * _g.O), _g.O);
        }

        memory.Release();
    }

    /// <summary>sums[plane] (+)= planeYᵀ · planeX, both read where they lie.</summary>
    private readonly void Multiply(int plane)
    {
        var left = _planesY + ((long)plane * TilesAtOnce * _g.O);
        var right = _planesX + ((long)plane * TilesAtOnce * _g.C);
        var sums = _sums + ((long)plane * _g.O * _g.C);
        var add = _first > 0;
        for (var column = 0; column < _g.C; column += GemmTile.MaxColumns)
        {
            var columns = Math.Min(GemmTile.MaxColumns, _g.C - column);
            for (var row = 0; row < _g.O; row += GemmTile.MaxRows)
            {
                var rows = Math.Min(GemmTile.MaxRows, _g.O - row);
                var lines = new TileLines(left + row, 1, _g.O);
                var c = sums + ((long)row * _g.C) + column;
                var (height, width) = (GemmTile.HeightFor(rows), GemmTile.WidthFor(columns));
                if (rows == height && columns == width) GemmTile.Run(height, width, _count, lines, right + column, _g.C, c, _g.C, null, add);
                else GemmTile.RunPart(rows, columns, _count, lines, right + column, _g.C, c, _g.C, null, add);
            }
        }
    }

    /// <summary>One output channel a piece.</summary>
    private readonly struct BackPieces(float* sums, ConvGeometry g, float* target) : IPieces
    {
        public void Run(int o) =>
            WinogradChannels.Run(new WinogradKernelSlope(sums + ((long)o * g.C), (nint)g.O * g.C, target + ((long)o * 9 * g.C), g.C), g.C);
    }
}
