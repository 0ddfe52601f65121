using Sightline.Tensors.Cpu.Gemm;

namespace Sightline.Tensors.Cpu.Attention;

/// <summary>One operand [rows, heads, width] of attention, seen head by head.</summary>
internal readonly unsafe struct HeadMatrix(Tensor tensor)
{
    private readonly byte* _data = (byte*)tensor.Data;

    public DType Type { get; } = tensor.DType;

    public int Rows { get; } = tensor.Shape[0];

    public int Heads { get; } = tensor.Shape[1];

    public int Width { get; } = tensor.Shape[2];

    /// <summary>Element (row, head, 0).</summary>
    public byte* At(int row, int head) => _data + ((((long)row * Heads) + head) * Width * Type.Size());

    /// <summary>Lines are rows, steps go along the width.</summary>
    public StridedLines ByRow(int head) => new(At(0, head), Type, (nint)Heads * Width, 1);

    /// <summary>Lines go along the width, steps are rows.</summary>
    public StridedLines ByColumn(int head) => new(At(0, head), Type, 1, (nint)Heads * Width);
}
