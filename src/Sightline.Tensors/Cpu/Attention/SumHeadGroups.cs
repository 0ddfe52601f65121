using Sightline.Tensors.Cpu.Lanes;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>target [S, Hkv, W] = factor · the sum over the query heads of each key head of perHead [H, S, padded width], heads in order.</summary>
internal readonly unsafe struct SumHeadGroups(float* perHead, int width, int heads, HeadMatrix target, float factor) : IPieces
{
    private const int RowsAtOnce = 64;

    public int Pieces => CpuEngine.PieceCount(target.Rows, RowsAtOnce);

    public void Run(int piece)
    {
        var group = heads / target.Heads;
        var end = Math.Min((piece + 1) * RowsAtOnce, target.Rows);
        for (var row = piece * RowsAtOnce; row < end; row++)
        {
            for (var head = 0; head < target.Heads; head++)
            {
                var first = perHead + ((((long)head * group * target.Rows) + row) * width);
                // the padded row of the first head is read no more
                for (var g = 1; g < group; g++) Add(first, first + ((long)g * target.Rows * width));
                if (factor != 1) ScaleAll.Run(first, width, factor);
                CpuEngine.Narrow(first, target.At(row, head), target.Type, target.Width);
            }
        }
    }

    private void Add(float* sum, float* x)
    {
        for (var j = 0; j < width; j += Lane4.Count) (Lane4.Load(sum + j) + Lane4.Load(x + j)).Store(sum + j);
    }
}
