using Sightline.Tensors.Cpu.Gemm;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>One operand [rows, heads, width] of attention, seen head by head.</summary>
internal readonly unsafe struct HeadMatrix(byte* data, DType type, int rows, int heads, int width)
{
    private readonly byte* _data = data;

    public HeadMatrix(Tensor tensor)
        : this((byte*)tensor.Data, tensor.DType, tensor.Shape[0], tensor.Shape[1], tensor.Shape[2])
    {
    }

    public DType Type { get; } = type;

    public int Rows { get; } = rows;

    public int Heads { get; } = heads;

    public int Width { get; } = width;

    /// <summary>Element (row, head, 0).</summary>
    public byte* At(int row, int head) => _data + ((((long)row * Heads) + head) * Width * Type.Size());

    /// <summary>Lines are rows, steps go along the width.</summary>
    public StridedLines ByRow(int head) => new(At(0, head), Type, (nint)Heads * Width, 1);

    /// <summary>Lines go along the width, steps are rows.</summary>
    public StridedLines ByColumn(int head) => new(At(0, head), Type, 1, (nint)Heads * Width);
}
