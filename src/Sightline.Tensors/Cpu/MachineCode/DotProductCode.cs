using System.Runtime.Intrinsics.X86;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.MachineCode;

/// <summary>
/// Quantized tiles in machine code for processors that have VPDPBUSD only in its AVX-512 form (AVX512-VNNI: AMD Zen 4; Intel since Ice Lake), for which .NET 10 has no
/// intrinsic. One instruction does what takes three of those it has. Does the same sums in the same order as
/// <see cref="Cpu.Quantized.QuantizedTiles{TKernel, TAcc, TWeight, TActivation}"/>, and so gives the same bits. See docs/decisions/0008.
/// <para>A tile is 6 rows x 4 panels: 24 sums, the four panels' weights and a few activations fill the 32 registers.</para>
/// </summary>
internal sealed unsafe class DotProductCode
{
    public const int TileRows = 6;

    /// <summary>Floats of a tile's sums, [panel][row][8].</summary>
    public const int TileSums = Panels * TileRows * PanelLayout.Channels;

    private const int Panels = PanelLayout.BlockPanels;
    private const int PanelWeights = Panels * TileRows; // registers: sums [panel][row], weights of four panels, others
    private const int Activation = PanelWeights + Panels;
    private const int Activations = 2;
    private const int Scratch = Activation + Activations;
    private const int Mask = Scratch + 1;
    private const Register Other = Register.Rax;
    private readonly nint[] _tiles;
    private readonly nint[] _thin;

    private DotProductCode(nint[] tiles, nint[] thin) => (_tiles, _thin) = (tiles, thin);

    /// <summary>The code, or null where the processor, the system or <c>SIGHTLINE_MACHINE_CODE=0</c> does not allow it.</summary>
    public static DotProductCode? Instance { get; } = Make();

    /// <summary>Adds a block's products with a stretch of units to the sums of each tile. Changes the arguments.</summary>
    public void Run(QuantizedFormat format, TileArguments* arguments) => Call(_tiles[(int)format], arguments);

    /// <summary>As <see cref="Run"/> for 1 to <see cref="ThinProductCode.MaxRows"/> neighbouring rows of one tile.</summary>
    public void RunThin(QuantizedFormat format, int rows, TileArguments* arguments) => Call(_thin[((int)format * ThinProductCode.MaxRows) + rows - 1], arguments);

    /// <summary>The function of a format.</summary>
    internal static byte[] Assemble(QuantizedFormat format)
    {
        var code = new Assembler();
        if (format == QuantizedFormat.Int4) code.Broadcast(Mask, TileArguments.NibbleMask);
        var tile = code.Here;
        TileWalk.LoadArguments(code);
        TileWalk.EachGroup(code, () => Begin(code), () => Unit(code, format), () => Flush(code, format));
        Next(code, TileArguments.Numbers, TileArguments.NumberStride);
        Next(code, TileArguments.Scales, TileArguments.ScaleStride);
        Next(code, TileArguments.Corrections, TileArguments.ScaleStride);
        code.Load(Other, TileArguments.Sums);
        code.Add(Other, 4 * TileSums);
        code.Store(TileArguments.Sums, Other);
        code.Load(Other, TileArguments.Tiles);
        code.Subtract(Other, 1);
        code.Store(TileArguments.Tiles, Other);
        code.JumpIfNotZero(tile);
        code.Return();
        return code.ToArray();
    }

    private static void Begin(Assembler code)
    {
        for (var row = 0; row < TileRows; row++)
        {
            for (var panel = 0; panel < Panels; panel++) code.Broadcast(Sum(panel, row), new Place(TileWalk.Corrections, 4 * row));
        }
    }

    private static void Unit(Assembler code, QuantizedFormat format)
    {
        if (format == QuantizedFormat.Int8) Int8Unit(code);
        else Int4Unit(code);
        code.Add(TileWalk.Quads, 2 * TileRows * 4);
    }

    private static void Flush(Assembler code, QuantizedFormat format)
    {
        if (format == QuantizedFormat.Int8) Int8Flush(code);
        else Int4Flush(code);
        code.Add(TileWalk.Scales, 4 * TileRows);
        code.Add(TileWalk.Corrections, 4 * TileRows);
    }

    private static int Sum(int panel, int row) => (panel * TileRows) + row;

    private static void Next(Assembler code, Place place, Place stride)
    {
        code.Load(Other, place);
        code.Add(Other, stride);
        code.Store(place, Other);
    }

    /// <summary>A unit has 64 bytes a panel: a quad of each channel, then the second quad of each.</summary>
    private static void Int8Unit(Assembler code)
    {
        for (var half = 0; half < 2; half++)
        {
            for (var panel = 0; panel < Panels; panel++) code.LoadVector(PanelWeights + panel, new Place(TileWalk.Block, (64 * panel) + (32 * half)));
            MultiplyQuad(code, half);
        }

        code.Add(TileWalk.Block, 64 * Panels);
    }

    /// <summary>A unit has 32 bytes a panel: first quads in the low four bits, second ones in the high four.</summary>
    private static void Int4Unit(Assembler code)
    {
        for (var panel = 0; panel < Panels; panel++) code.And(PanelWeights + panel, Mask, new Place(TileWalk.Block, 32 * panel));
        MultiplyQuad(code, 0);
        for (var panel = 0; panel < Panels; panel++) code.ShiftRight16(PanelWeights + panel, new Place(TileWalk.Block, 32 * panel), 4);
        for (var panel = 0; panel < Panels; panel++) code.And(PanelWeights + panel, PanelWeights + panel, Mask);
        MultiplyQuad(code, 1);
        code.Add(TileWalk.Block, 32 * Panels);
    }

    private static void MultiplyQuad(Assembler code, int half)
    {
        for (var row = 0; row < TileRows; row++)
        {
            var activation = Activation + (row % Activations);
            code.Broadcast(activation, new Place(TileWalk.Quads, 4 * ((half * TileRows) + row)));
            for (var panel = 0; panel < Panels; panel++) code.DotProduct(Sum(panel, row), PanelWeights + panel, activation);
        }
    }

    /// <summary>sums += (exact sum) x (scale of the activations), one rounding.</summary>
    private static void Int8Flush(Assembler code)
    {
        for (var row = 0; row < TileRows; row++)
        {
            var scale = Activation + (row % Activations);
            code.Broadcast(scale, new Place(TileWalk.Scales, 4 * row));
            for (var panel = 0; panel < Panels; panel++) AddTo(code, panel, row, scale);
        }
    }

    /// <summary>As <see cref="Int8Flush"/>, with the factor (scale of the weights) x (scale of the activations), rounded.</summary>
    private static void Int4Flush(Assembler code)
    {
        for (var panel = 0; panel < Panels; panel++)
        {
            code.Widen16(PanelWeights + panel, new Place(TileWalk.Block, 2 * PanelLayout.Channels * panel));
            code.ShiftLeft32(PanelWeights + panel, PanelWeights + panel, 16); // bfloat16 is the upper half of a float32
        }

        code.Add(TileWalk.Block, PanelLayout.ScaleBytes);
        for (var row = 0; row < TileRows; row++)
        {
            var scale = Activation + (row % Activations);
            code.Broadcast(scale, new Place(TileWalk.Scales, 4 * row));
            for (var panel = 0; panel < Panels; panel++)
            {
                code.Multiply(Scratch, PanelWeights + panel, scale);
                AddTo(code, panel, row, Scratch);
            }
        }
    }

    private static void AddTo(Assembler code, int panel, int row, int factor) =>
        TileWalk.AddTo(code, Sum(panel, row), factor, new Place(TileWalk.Sums, 4 * PanelLayout.Channels * Sum(panel, row)));

    private static void Call(nint function, TileArguments* arguments) => ((delegate* unmanaged<TileArguments*, void>)function)(arguments);

    private static DotProductCode? Make()
    {
        if (!MachineCodeSwitch.IsOn || !OperatingSystem.IsLinux() || !Avx512BW.VL.IsSupported || !Avx512DQ.IsSupported || !HasVnni()) return null;
        QuantizedFormat[] formats = [QuantizedFormat.Int8, QuantizedFormat.Int4];
        var tiles = formats.Select(format => ExecutableMemory.Place(Assemble(format))).ToArray();
        var thin = formats.SelectMany(format => Enumerable.Range(1, ThinProductCode.MaxRows).Select(rows => ExecutableMemory.Place(ThinProductCode.Assemble(format, rows)))).ToArray();
        return tiles.Contains(0) || thin.Contains(0) ? null : new DotProductCode(tiles, thin);
    }

    /// <summary>CPUID leaf 7: AVX512_VNNI is bit 11 of ECX.</summary>
    private static bool HasVnni() => X86Base.CpuId(0, 0).Eax >= 7 && (X86Base.CpuId(7, 0).Ecx & (1 << 11)) != 0;
}
