using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>
/// Convolutions whose register tiles read rows of the picture as they are: pixels beside each other in a row of the result are lines a fixed distance
/// apart, and a row of the kernel is one run of steps, so that the patches are never gathered.
/// </summary>
internal static unsafe class DirectTiles
{
    /// <summary>Farthest lines (floats) of which a panel stays in the first-level cache.</summary>
    private const int LongestLine = 512;

    public static bool Suits(ConvGeometry g) =>
        g is { Groups: 1, Dilation: 1, OutW: >= 8 } && g.KernelW > 1 && g.O % 8 == 0 && (Gathers(g) ? g.Taps <= LongestLine / 4 : g.Stride * g.C <= LongestLine);

    /// <summary>With few channels the runs would be too short: the patches of one row of the result are gathered in the first-level cache.</summary>
    public static bool Gathers(ConvGeometry g) => g.C < 16;

    /// <summary>Rows of the kernel, or one where patches are gathered.</summary>
    public static int Runs(ConvGeometry g) => Gathers(g) ? 1 : g.KernelH;

    /// <summary>Steps of a run.</summary>
    public static int RunLength(ConvGeometry g) => Gathers(g) ? g.Taps : g.KernelW * g.C;

    /// <summary>Floats between the pixels of a row of the result where their runs lie.</summary>
    public static int LineStride(ConvGeometry g) => Gathers(g) ? RoundUp(g.Taps) : g.Stride * g.C;

    /// <summary>Whole groups of 16 columns.</summary>
    public static int RoundUp(int columns) => (columns + 15) / 16 * 16;

    public static bool SuitsInputGradient(ConvGeometry g) =>
        Suits(g) && g is { C: >= 16, Stride: > 1 } && g.KernelH >= g.Stride && g.KernelW >= g.Stride && g.W / g.Stride >= 8 && g.O <= LongestLine;

    /// <summary>The height of a tile for what is left of a row of <paramref name="all"/> ≥ 8 pixels.</summary>
    public static int Height(int left, int all)
    {
        var height = GemmTile.HeightFor(Math.Min(left, GemmTile.MaxRows));
        return height <= all ? height : GemmTile.HeightFor(8);
    }

    /// <summary>The height of the next tile when lines, a multiple of 4, are covered by whole tiles exactly.</summary>
    public static int ExactHeight(int left) => GemmTile.MaxRows switch
    {
        14 => left >= 28 || left % 4 == 2 ? 14 : left >= 8 ? 8 : 4,
        6 => left >= 6 ? 6 : 2,
        _ => 4,
    };
}

/// <summary>Rows of a batch of pictures [N, H, W, C], copied with a border of zeros into memory that stays in the cache. Places count from the first border row and column.</summary>
internal readonly unsafe struct PaddedRows(float* x, int height, int width, int channels, int low, int high)
{
    /// <summary>Pixels of a row with its border.</summary>
    public int Columns => width + low + high;

    /// <summary>Floats of one row.</summary>
    public int RowSize => Columns * channels;

    /// <summary>Memory for some rows, and for <paramref name="more"/> floats: tiles and copies read and write a little beyond the end.</summary>
    public NativeBlock Rent(int rows, long more = 0) => NativePool.Shared.Rent((((long)rows * RowSize) + more + GemmTile.MaxColumnsEver) * sizeof(float));

    /// <summary>patches [OutW, LineStride] from the loaded rows of the kernel; what lies between the patches is arbitrary.</summary>
    public void Gather(float* rows, ConvGeometry g, float* patches)
    {
        var run = g.KernelW * g.C;
        for (var ox = 0; ox < g.OutW; ox++, patches += DirectTiles.LineStride(g))
        {
            var from = rows + (ox * g.Stride * g.C);
            for (var r = 0; r < g.KernelH; r++, from += RowSize)
            {
                // whole vectors: what is too much is overwritten by the next run
                for (var j = 0; j < run; j += 8) Lane8.Load(from + j).Store(patches + (r * run) + j);
            }
        }
    }

    /// <summary>target [rows, Columns, C] = rows of one picture from <paramref name="first"/> on.</summary>
    public void Load(int image, int first, int rows, float* target)
    {
        for (var row = first - low; row < first - low + rows; row++, target += RowSize)
        {
            if ((uint)row >= (uint)height)
            {
                new Span<float>(target, RowSize).Clear();
                continue;
            }

            new Span<float>(target, low * channels).Clear();
            new ReadOnlySpan<float>(x + ((((long)image * height) + row) * width * channels), width * channels).CopyTo(new Span<float>(target + (low * channels), width * channels));
            new Span<float>(target + ((low + width) * channels), high * channels).Clear();
        }
    }
}
