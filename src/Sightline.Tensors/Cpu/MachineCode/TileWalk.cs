namespace Sightline.Tensors.Cpu.MachineCode;

/// <summary>What the tiles of <see cref="DotProductCode"/> and <see cref="ThinProductCode"/> have in common: which register holds what, and the way through groups and units.</summary>
internal static class TileWalk
{
    public const Register Block = Register.Rsi;
    public const Register Quads = Register.Rdx;
    public const Register Scales = Register.Rcx;
    public const Register Corrections = Register.R8;
    public const Register Sums = Register.R9;
    private const Register UnitsLeft = Register.R10;
    private const Register GroupLeft = Register.R11;

    /// <summary>Takes the arguments into registers.</summary>
    public static void LoadArguments(Assembler code)
    {
        code.Load(Block, TileArguments.Weights);
        code.Load(Quads, TileArguments.Numbers);
        code.Load(Scales, TileArguments.Scales);
        code.Load(Corrections, TileArguments.Corrections);
        code.Load(Sums, TileArguments.Sums);
        code.Load(UnitsLeft, TileArguments.Units);
    }

    /// <summary>Each group of units that share a scale: begins exact sums, adds a unit's products as often as the group has units, and flushes the sums.</summary>
    public static void EachGroup(Assembler code, Action begin, Action unit, Action flush)
    {
        var group = code.Here;
        begin();
        code.Load(GroupLeft, TileArguments.GroupUnits);
        code.Minimum(GroupLeft, UnitsLeft);
        code.Subtract(UnitsLeft, GroupLeft);
        var next = code.Here;
        unit();
        code.Subtract(GroupLeft, 1);
        code.JumpIfNotZero(next);
        flush();
        code.Test(UnitsLeft);
        code.JumpIfPositive(group);
    }

    /// <summary>The float sum at a place += (exact sum in a register) x factor, rounded once.</summary>
    public static void AddTo(Assembler code, int sum, int factor, Place place)
    {
        code.ToFloat(sum, sum);
        code.MultiplyAdd(sum, factor, place);
        code.StoreVector(place, sum);
    }
}
