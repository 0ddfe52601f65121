using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>Few rows times a block of weights, on the best instruction set that there is: for kernels that do more than a product in one pass.</summary>
internal static class ThinBlocks
{
    /// <summary>Whether there is a vector kernel.</summary>
    public static bool IsSupported => Avx2.IsSupported;

    /// <summary>Bytes of an activation as the kernel of a format wants them.</summary>
    public static int ActivationBytes(QuantizedFormat format) => format == QuantizedFormat.Int4 || DotProductCode.Instance is not null || AvxVnni.IsSupported ? 1 : 2;

    /// <summary>All rows, which are one tile, times block number <paramref name="block"/>.</summary>
    public static void Run(in QuantizedProduct product, int block)
    {
        if (DotProductCode.Instance is { } code)
        {
            new ThinCodePieces(product, code).Run(block);
        }
        else if (product.Layout.Format == QuantizedFormat.Int8)
        {
            if (AvxVnni.IsSupported) new ThinPieces<Int8Vnni, Vector256<int>, Vector256<byte>, Vector256<sbyte>>(product).Run(block);
            else if (Avx512BW.IsSupported) new ThinPieces<Int8Wide512, Vector512<int>, Vector512<short>, Vector512<short>>(product).Run(block);
            else new ThinPieces<Int8Wide256, VectorPair<int>, VectorPair<short>, Vector256<short>>(product).Run(block);
        }
        else if (AvxVnni.IsSupported)
        {
            new ThinPieces<Int4Vnni, Vector256<int>, Vector256<byte>, Vector256<sbyte>>(product).Run(block);
        }
        else
        {
            new ThinPieces<Int4Avx2, Vector256<short>, Vector256<byte>, Vector256<sbyte>>(product).Run(block);
        }
    }
}
