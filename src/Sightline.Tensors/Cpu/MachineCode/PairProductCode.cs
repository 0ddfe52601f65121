using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Sightline.Tensors.Cpu.MachineCode;

/// <summary>
/// Register tiles of matrix products over pairs of bfloat16 in machine code: VDPBF16PS multiplies two neighbouring steps of the sum and adds them to a float32 lane, twice the
/// work of a fused multiply-add; .NET 10 has no intrinsic for it. The tile is that of <see cref="Gemm.MicroKernel"/>, 14, 8 or 4 rows of one or two vectors, with a pair of
/// bfloat16 where that has a float32.
/// <para>Numerics (Intel 64 and IA-32 Architectures Software Developer's Manual, VDPBF16PS): each product rounded into the sum to nearest even, subnormal numbers read and
/// written as zero.</para>
/// </summary>
internal sealed unsafe class PairProductCode
{
    /// <summary>Lanes of a vector.</summary>
    private const int Lanes = 16;

    private const int VectorBytes = 64;
    private const int Columns = 28; // registers: sums [row][vector], then one or two vectors of b, then pairs of a, in turns
    private const int Pairs = 30;
    private static readonly int[] s_heights = [4, 8, 14];
    private readonly nint[] _tiles;

    private PairProductCode(nint[] tiles) => _tiles = tiles;

    /// <summary>The code, or null where the processor, the system or <c>SIGHTLINE_MACHINE_CODE=0</c> does not allow it.</summary>
    public static PairProductCode? Instance { get; } = Make();

    /// <summary>c[height, width] = start + a · b for a tile of <paramref name="height"/> 4, 8 or 14 and <paramref name="width"/> 16 or 32.</summary>
    public void Run(int height, int width, Arguments* arguments) =>
        ((delegate* unmanaged[SuppressGCTransition]<Arguments*, void>)_tiles[Index(height, width / Lanes)])(arguments);

    /// <summary>The function of a tile.</summary>
    internal static byte[] Assemble(int rows, int vectors)
    {
        var code = new Assembler { VectorBytes = VectorBytes };
        EachRow(code, rows, vectors, 0, 8, (sum, place) => code.LoadVector(sum, place));
        code.Load(Register.Rsi, Arguments.At(16));
        code.Load(Register.Rdx, Arguments.At(24));
        code.Load(Register.R8, Arguments.At(32));
        var step = code.Here;
        for (var vector = 0; vector < vectors; vector++) code.LoadVector(Columns + vector, new Place(Register.Rdx, VectorBytes * vector));
        for (var row = 0; row < rows; row++)
        {
            var pair = Pairs + (row % 2);
            code.Broadcast(pair, new Place(Register.Rsi, 4 * row));
            for (var vector = 0; vector < vectors; vector++) code.PairProduct((row * vectors) + vector, Columns + vector, pair);
        }

        code.Add(Register.Rsi, 4 * rows);
        code.Add(Register.Rdx, VectorBytes * vectors);
        code.Subtract(Register.R8, 1);
        code.JumpIfNotZero(step);
        EachRow(code, rows, vectors, 40, 48, (sum, place) => code.StoreVector(place, sum));
        code.Return();
        return code.ToArray();
    }

    private static int Index(int height, int vectors) => (Array.IndexOf(s_heights, height) * 2) + vectors - 1;

    /// <summary>Goes through the rows of a matrix in memory, whose place and distance of rows are arguments.</summary>
    private static void EachRow(Assembler code, int rows, int vectors, int place, int stride, Action<int, Place> transfer)
    {
        code.Load(Register.Rax, Arguments.At(place));
        for (var row = 0; row < rows; row++)
        {
            for (var vector = 0; vector < vectors; vector++) transfer((row * vectors) + vector, new Place(Register.Rax, VectorBytes * vector));
            code.Add(Register.Rax, Arguments.At(stride));
        }
    }

    private static PairProductCode? Make()
    {
        if (!MachineCodeSwitch.IsOn || !OperatingSystem.IsLinux() || !Avx512BW.IsSupported || !HasBFloat16()) return null;
        var tiles = s_heights.SelectMany(rows => new[] { 1, 2 }.Select(vectors => ExecutableMemory.Place(Assemble(rows, vectors)))).ToArray();
        return tiles.Contains(0) ? null : new PairProductCode(tiles);
    }

    /// <summary>CPUID leaf 7, part 1: AVX512_BF16 is bit 5 of EAX.</summary>
    private static bool HasBFloat16() => X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    /// <summary>What a call works on.</summary>
    [StructLayout(LayoutKind.Explicit)]
    public struct Arguments
    {
        /// <summary>What the sums start with, a row of it for each row of the tile.</summary>
        [FieldOffset(0)]
        public float* Start;

        /// <summary>Bytes from one of its rows to the next; 0 for the same start in every row.</summary>
        [FieldOffset(8)]
        public long StartStride;

        /// <summary>[steps, height] pairs.</summary>
        [FieldOffset(16)]
        public float* A;

        /// <summary>[steps, width] pairs.</summary>
        [FieldOffset(24)]
        public float* B;

        /// <summary>Pairs of steps, at least one.</summary>
        [FieldOffset(32)]
        public long Steps;

        [FieldOffset(40)]
        public float* C;

        /// <summary>Bytes from one row of c to the next.</summary>
        [FieldOffset(48)]
        public long Stride;

        internal static Place At(int offset) => new(Register.Rdi, offset);
    }
}
