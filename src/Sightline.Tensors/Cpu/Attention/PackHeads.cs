using Sightline.Tensors.Cpu.Gemm;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>Packs all heads of a matrix as left operands, a run of panels a piece.</summary>
internal readonly unsafe struct PackHeads(HeadMatrix source, bool byRow, float* target) : IPieces
{
    /// <summary>Panels of rows in a piece.</summary>
    private const int PanelsAtOnce = 16;

    /// <summary>Lines of a head: rows, or columns.</summary>
    private int Lines => byRow ? source.Rows : source.Width;

    private int Steps => byRow ? source.Width : source.Rows;

    private int PiecesPerHead => CpuEngine.PieceCount(Lines, PanelsAtOnce * GemmTile.MaxRows);

    public int Pieces => source.Heads * PiecesPerHead;

    /// <summary>Floats of all heads: whole panels.</summary>
    public static long Size(HeadMatrix source, bool byRow) => byRow
        ? (long)source.Heads * BlockProduct.RoundUp(source.Rows, GemmTile.MaxRows) * source.Width
        : (long)source.Heads * BlockProduct.RoundUp(source.Width, GemmTile.MaxRows) * source.Rows;

    public void Run(int piece)
    {
        var head = piece / PiecesPerHead;
        var first = piece % PiecesPerHead * PanelsAtOnce * GemmTile.MaxRows;
        var count = Math.Min(PanelsAtOnce * GemmTile.MaxRows, Lines - first);
        var panels = target + ((long)head * BlockProduct.RoundUp(Lines, GemmTile.MaxRows) * Steps) + ((long)first * Steps);
        BlockProduct.PackLeft(byRow ? source.ByRow(head) : source.ByColumn(head), panels, first, count, 0, Steps);
    }
}
