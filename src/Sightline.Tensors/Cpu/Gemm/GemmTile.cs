using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>Chooses the register tile for the processor: heights and widths, and the kernel of each pair.</summary>
internal static unsafe class GemmTile
{
    /// <summary>Columns of the widest tile on any processor.</summary>
    public const int MaxColumnsEver = 32;

    private const int MaxTileFloats = 14 * MaxColumnsEver;

    /// <summary>Rows of a full tile.</summary>
    public static int MaxRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated ? 14 : Vector256.IsHardwareAccelerated || Vector128.IsHardwareAccelerated ? 6 : 4;
    }

    /// <summary>Columns of a full tile: two vectors.</summary>
    public static int MaxColumns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated ? 32 : Vector256.IsHardwareAccelerated ? 16 : Vector128.IsHardwareAccelerated ? 8 : 1;
    }

    /// <summary>The lowest tile that holds this many rows.</summary>
    public static int HeightFor(int rows) => Vector512.IsHardwareAccelerated
        ? rows > 8 ? 14 : rows > 4 ? 8 : 4
        : Vector256.IsHardwareAccelerated || Vector128.IsHardwareAccelerated ? rows > 2 ? 6 : 2 : 4;

    /// <summary>The narrowest tile that holds this many columns.</summary>
    public static int WidthFor(int columns) => MaxColumns > 1 && columns <= MaxColumns / 2 ? MaxColumns / 2 : MaxColumns;

    /// <summary>c[height, width] = (add ? c : bias or 0) + a · b.</summary>
    /// <param name="height">One of the values of <see cref="HeightFor"/>.</param>
    /// <param name="width">One of the values of <see cref="WidthFor"/>.</param>
    /// <param name="K">Steps of the sum.</param>
    /// <param name="left">Lines of a.</param>
    /// <param name="b">Rows of at least width floats [K, width], <paramref name="ldb"/> apart.</param>
    /// <param name="ldb">Floats from one row of b to the next.</param>
    /// <param name="c">The first element of the tile.</param>
    /// <param name="ldc">Floats from one row of c to the next.</param>
    /// <param name="bias">[width] start of every row, or null; not used when adding.</param>
    /// <param name="add">Whether c already holds a part of the sum.</param>
    public static void Run(int height, int width, int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            if (width == 32) Run512<Two512>(height, K, left, b, ldb, c, ldc, bias, add);
            else Run512<One512>(height, K, left, b, ldb, c, ldc, bias, add);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            if (width == 16) Run256<Two256>(height, K, left, b, ldb, c, ldc, bias, add);
            else Run256<One256>(height, K, left, b, ldb, c, ldc, bias, add);
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            if (width == 8) Run256<Two128>(height, K, left, b, ldb, c, ldc, bias, add);
            else Run256<One128>(height, K, left, b, ldb, c, ldc, bias, add);
        }
        else
        {
            MicroKernel.Rows4<ScalarRow>(K, left, b, ldb, c, ldc, bias, add);
        }
    }

    /// <summary>As <see cref="Run"/> for the edge of c: a tile of which only some rows and columns exist. The lines of a reach the full height, b the full width.</summary>
    [SkipLocalsInit]
    public static void RunPart(int rows, int columns, int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
    {
        var width = WidthFor(columns);
        var tile = stackalloc float[MaxTileFloats];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++) tile[(i * width) + j] = add ? c[(i * ldc) + j] : bias is null ? 0 : bias[j];
        }

        Run(HeightFor(rows), width, K, left, b, ldb, tile, width, null, add: true);
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++) c[(i * ldc) + j] = tile[(i * width) + j];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run512<T>(int height, int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
        where T : struct, ITileRow<T>
    {
        if (height == 14) MicroKernel.Rows14<T>(K, left, b, ldb, c, ldc, bias, add);
        else if (height == 8) MicroKernel.Rows8<T>(K, left, b, ldb, c, ldc, bias, add);
        else MicroKernel.Rows4<T>(K, left, b, ldb, c, ldc, bias, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run256<T>(int height, int K, in TileLines left, float* b, nint ldb, float* c, nint ldc, float* bias, bool add)
        where T : struct, ITileRow<T>
    {
        if (height == 6) MicroKernel.Rows6<T>(K, left, b, ldb, c, ldc, bias, add);
        else MicroKernel.Rows2<T>(K, left, b, ldb, c, ldc, bias, add);
    }
}

/// <summary>The lines of a tile's left operand, float32: packed [K, height] (strides 1 and height), or where they lie in memory.</summary>
/// <param name="data">Line 0 at step 0.</param>
/// <param name="lineStride">Floats between lines.</param>
/// <param name="stepStride">Floats between steps.</param>
internal readonly unsafe struct TileLines(float* data, nint lineStride, nint stepStride)
{
    public float* Data { get; } = data;

    public nint LineStride { get; } = lineStride;

    public nint StepStride { get; } = stepStride;

    /// <summary>A panel packed for tiles of this height.</summary>
    public static TileLines Packed(float* data, int height) => new(data, 1, height);
}
