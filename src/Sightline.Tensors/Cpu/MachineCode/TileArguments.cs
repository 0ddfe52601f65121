using System.Runtime.InteropServices;

namespace Sightline.Tensors.Cpu.MachineCode;

/// <summary>What a call of <see cref="DotProductCode"/> works on, and where the code finds it. The code moves the places of a tile on to the next.</summary>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct TileArguments
{
    /// <summary>A block of weights at the first unit.</summary>
    [FieldOffset(0)]
    public byte* Block;

    /// <summary>Numbers of the first tile at that unit.</summary>
    [FieldOffset(8)]
    public byte* Quads;

    [FieldOffset(16)]
    public float* RowScales;

    [FieldOffset(24)]
    public int* RowCorrections;

    /// <summary>[tile][panel][row][8].</summary>
    [FieldOffset(32)]
    public float* Totals;

    /// <summary>Units of the stretch, at least one.</summary>
    [FieldOffset(40)]
    public long UnitCount;

    /// <summary>Tiles of rows, at least one.</summary>
    [FieldOffset(48)]
    public long TileCount;

    /// <summary>Bytes from a tile's numbers to the next tile's.</summary>
    [FieldOffset(56)]
    public long QuadStride;

    /// <summary>Bytes from a tile's scales, or corrections, to the next tile's.</summary>
    [FieldOffset(64)]
    public long RowStride;

    /// <summary>Units that share a scale.</summary>
    [FieldOffset(72)]
    public long UnitsInGroup;

    /// <summary>The low four bits of each byte.</summary>
    [FieldOffset(80)]
    public int LowBits;

    /// <summary>Bytes from the first quads of a unit to the second, and from a group's scales to the next group's: four for each row of the tile. For few rows only.</summary>
    [FieldOffset(88)]
    public long RowBytes;

    public static Place Weights => At(0);

    public static Place Numbers => At(8);

    public static Place Scales => At(16);

    public static Place Corrections => At(24);

    public static Place Sums => At(32);

    public static Place Units => At(40);

    public static Place Tiles => At(48);

    public static Place NumberStride => At(56);

    public static Place ScaleStride => At(64);

    public static Place GroupUnits => At(72);

    public static Place NibbleMask => At(80);

    public static Place Step => At(88);

    private static Place At(int offset) => new(Register.Rdi, offset);
}
