using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Benchmarks;

/// <summary>
/// VPDPBUSD in its AVX-512 form, for which .NET has no intrinsic: independent chains in registers, written by the assembler of the kernels. What it does at most is the yardstick
/// of quantized products with many rows.
/// </summary>
internal readonly unsafe struct DotProductChains : IPieces
{
    private const int Chains = 24; // as many sums as the kernels' tile
    private const long Rounds = 50_000;
    private static readonly nint s_code = DotProductCode.Instance is null ? 0 : ExecutableMemory.Place(Assemble());

    /// <summary>Whether this processor and system run the machine code of the kernels.</summary>
    public static bool IsSupported => s_code != 0;

    /// <summary>A multiplication and an addition for each of the 32 products of an instruction.</summary>
    public static double Operations => 2.0 * 32 * Chains * Rounds;

    /// <inheritdoc/>
    public void Run(int piece)
    {
        var rounds = Rounds;
        ((delegate* unmanaged<long*, void>)s_code)(&rounds);
    }

    private static byte[] Assemble()
    {
        var code = new Assembler();
        code.Load(Register.Rax, new Place(Register.Rdi));
        var next = code.Here;
        for (var sum = 0; sum < Chains; sum++) code.DotProduct(sum, Chains, Chains + 1);
        code.Subtract(Register.Rax, 1);
        code.JumpIfNotZero(next);
        code.Return();
        return code.ToArray();
    }
}
