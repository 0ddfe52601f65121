using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.MachineCode;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>The register tiles of products of <see cref="PairLines"/>.</summary>
internal static unsafe class PairTile
{
    private const int MaxTileFloats = 14 * GemmTile.MaxColumnsEver;

    /// <summary>Whether a product goes by pairs: the processor has the instruction, and both operands are bfloat16 or may be rounded to it.</summary>
    public static bool Suits(DType a, DType b, bool rounded) =>
        PairProductCode.Instance is not null && GemmTile.MaxColumns == GemmTile.MaxColumnsEver && (a == DType.BFloat16 || (rounded && a == DType.Float32))
        && (b == DType.BFloat16 || (rounded && b == DType.Float32));

    /// <summary>As <see cref="GemmTile.Run"/> for a tile of which all or only some rows and columns exist; a and b reach the full height and width.</summary>
    [SkipLocalsInit]
    public static void Run(int rows, int columns, int K, float* a, float* b, float* c, nint ldc, float* bias, bool add)
    {
        var (height, width) = (GemmTile.HeightFor(rows), GemmTile.WidthFor(columns));
        var zeros = stackalloc float[GemmTile.MaxColumnsEver];
        var arguments = new PairProductCode.Arguments { A = a, B = b, Steps = K, C = c, Stride = ldc * sizeof(float) };
        if (rows == height && columns == width)
        {
            if (!add && bias is null) new Span<float>(zeros, GemmTile.MaxColumnsEver).Clear();
            arguments.Start = add ? c : bias is null ? zeros : bias;
            arguments.StartStride = add ? arguments.Stride : 0;
            PairProductCode.Instance!.Run(height, width, &arguments);
            return;
        }

        var tile = stackalloc float[MaxTileFloats];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++) tile[(i * width) + j] = add ? c[(i * ldc) + j] : bias is null ? 0 : bias[j];
        }

        arguments.Start = arguments.C = tile;
        arguments.StartStride = arguments.Stride = width * sizeof(float);
        PairProductCode.Instance!.Run(height, width, &arguments);
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++) c[(i * ldc) + j] = tile[(i * width) + j];
        }
    }
}
