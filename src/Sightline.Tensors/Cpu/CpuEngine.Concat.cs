using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void CopyRuns(Tensor x, long xStart, long xStep, Tensor y, long yStart, long yStep, long rows, long length)
    {
        if (x.DType != y.DType) throw new ShapeException($"CopyRuns: {x} and {y} differ in element type");
        var size = x.DType.Size();
        var pieces = new RunPieces((byte*)x.Data + (xStart * size), xStep * size, (byte*)y.Data + (yStart * size), yStep * size, rows, length * size);
        Parallel(ref pieces, RowPieces(rows, length, out pieces.RowsPerPiece));
    }

    private unsafe struct RunPieces(byte* source, long sourceStep, byte* target, long targetStep, long rows, long bytes) : IPieces
    {
        public long RowsPerPiece;

        public readonly void Run(int piece)
        {
            var end = Math.Min((piece + 1) * RowsPerPiece, rows);
            for (var row = piece * RowsPerPiece; row < end; row++)
                Buffer.MemoryCopy(source + (row * sourceStep), target + (row * targetStep), bytes, bytes);
        }
    }
}
