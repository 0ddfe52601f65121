using Sightline.Tensors.Cpu.Gemm;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>Products of small packed blocks, tile by tile on the calling thread.</summary>
internal static unsafe class BlockProduct
{
    public static int RoundUp(int value, int step) => (value + step - 1) / step * step;

    /// <summary>
    /// Panels of lines for the left operand: panel p of [steps, height] starts at p · MaxRows · <paramref name="steps"/>;
    /// every panel is as high as <see cref="GemmTile.HeightFor"/> says for its lines.
    /// </summary>
    public static void PackLeft<T>(T source, float* target, int firstLine, int lines, int firstStep, int steps)
        where T : struct, IPanelSource
    {
        for (var line = 0; line < lines; line += GemmTile.MaxRows)
        {
            var count = Math.Min(GemmTile.MaxRows, lines - line);
            source.Pack(target + ((long)line * steps), GemmTile.HeightFor(count), firstLine + line, count, firstStep, steps);
        }
    }

    /// <summary>
    /// Panels of columns for the right operand, zero beyond <paramref name="lines"/> up to <paramref name="padded"/>; panel j
    /// starts at j · MaxColumns · <paramref name="steps"/>.
    /// </summary>
    public static void PackRight<T>(T source, float* target, int firstLine, int lines, int padded, int firstStep, int steps)
        where T : struct, IPanelSource
    {
        for (var line = 0; line < padded; line += GemmTile.MaxColumns)
        {
            var count = Math.Clamp(lines - line, 0, GemmTile.MaxColumns);
            var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, padded - line));
            source.Pack(target + ((long)line * steps), width, firstLine + line, count, firstStep, steps);
        }
    }

    /// <summary>
    /// c[lines, columns] = (add ? c : 0) + left · right over packed operands; c has room for whole tiles.
    /// </summary>
    /// <param name="lines">Rows of c; the last panel is rounded up to its height.</param>
    /// <param name="columns">A multiple of 16.</param>
    /// <param name="K">Length of the sums.</param>
    /// <param name="left">As from <see cref="PackLeft"/> with <paramref name="leftSteps"/> steps, beginning at step <paramref name="leftStart"/>.</param>
    /// <param name="leftSteps">Steps that the panels of left were packed with.</param>
    /// <param name="leftStart">First step to use.</param>
    /// <param name="right">As from <see cref="PackRight"/> with K steps.</param>
    /// <param name="c">Row-major.</param>
    /// <param name="ldc">Floats between rows of c.</param>
    /// <param name="add">Whether to add to c.</param>
    public static void Packed(int lines, int columns, int K, float* left, int leftSteps, int leftStart, float* right, float* c, int ldc, bool add)
    {
        for (var line = 0; line < lines; line += GemmTile.MaxRows)
        {
            var height = GemmTile.HeightFor(Math.Min(GemmTile.MaxRows, lines - line));
            var a = left + ((long)line * leftSteps) + ((long)leftStart * height);
            for (var column = 0; column < columns; column += GemmTile.MaxColumns)
            {
                var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, columns - column));
                GemmTile.Run(height, width, K, TileLines.Packed(a, height), right + ((long)column * K), width, c + ((long)line * ldc) + column, ldc, null, add);
            }
        }
    }

    /// <summary>As <see cref="Packed"/> with a row-major right operand [K, columns], <paramref name="ldr"/> floats between its rows.</summary>
    public static void RowMajor(int lines, int columns, int K, float* left, int leftSteps, int leftStart, float* right, int ldr, float* c, int ldc, bool add)
    {
        for (var line = 0; line < lines; line += GemmTile.MaxRows)
        {
            var height = GemmTile.HeightFor(Math.Min(GemmTile.MaxRows, lines - line));
            var a = left + ((long)line * leftSteps) + ((long)leftStart * height);
            for (var column = 0; column < columns; column += GemmTile.MaxColumns)
            {
                var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, columns - column));
                GemmTile.Run(height, width, K, TileLines.Packed(a, height), right + column, ldr, c + ((long)line * ldc) + column, ldc, null, add);
            }
        }
    }

    /// <summary>c[lines, columns] += left · right like <see cref="Packed"/>, without touching rows of c beyond <paramref name="lines"/>; left lies in memory, where a whole last panel can be read.</summary>
    public static void AddExact(int lines, int columns, int K, in TileLines left, float* right, float* c, int ldc)
    {
        for (var line = 0; line < lines; line += GemmTile.MaxRows)
        {
            var rows = Math.Min(GemmTile.MaxRows, lines - line);
            var height = GemmTile.HeightFor(rows);
            var a = new TileLines(left.Data + (line * left.LineStride), left.LineStride, left.StepStride);
            for (var column = 0; column < columns; column += GemmTile.MaxColumns)
            {
                var width = GemmTile.WidthFor(Math.Min(GemmTile.MaxColumns, columns - column));
                var tile = c + ((long)line * ldc) + column;
                var b = right + ((long)column * K);
                if (rows == height) GemmTile.Run(height, width, K, a, b, width, tile, ldc, null, add: true);
                else GemmTile.RunPart(rows, width, K, a, b, width, tile, ldc, null, add: true);
            }
        }
    }
}
