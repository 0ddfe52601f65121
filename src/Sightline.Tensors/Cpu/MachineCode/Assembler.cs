namespace Sightline.Tensors.Cpu.MachineCode;

/// <summary>General registers of x86-64 that a function may change without saving them (System V ABI). The first argument comes in <see cref="Rdi"/>.</summary>
internal enum Register : byte
{
    Rax = 0,
    Rcx = 1,
    Rdx = 2,
    Rsi = 6,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
    R11 = 11,
}

/// <summary>A place in memory: a register and a distance in bytes.</summary>
internal readonly record struct Place(Register Base, int Offset = 0)
{
    public static Place operator +(Place place, int bytes) => place with { Offset = place.Offset + bytes };
}

/// <summary>
/// Encodes the few x86-64 instructions that <see cref="DotProductCode"/> and <see cref="PairProductCode"/> need: 64-bit arithmetic on pointers and counts, and 256-bit and 512-bit vector
/// instructions in their EVEX form, with 32 registers (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, sections 2.1 and 2.7).
/// </summary>
internal sealed class Assembler
{
    private readonly List<byte> _code = [];
    private int _mask;

    /// <summary>Which opcode table an instruction is in (the EVEX field mm).</summary>
    private enum Map : byte
    {
        One = 1, // 0F
        Two = 2, // 0F 38
        Three = 3, // 0F 3A
    }

    /// <summary>The prefix that is part of an opcode (the EVEX field pp).</summary>
    private enum Prefix : byte
    {
        None = 0,
        P66 = 1,
        F3 = 2,
    }

    /// <summary>Bytes of the vectors of the following instructions: 32 or 64.</summary>
    public int VectorBytes { get; set; } = 32;

    /// <summary>The next instruction's place, for <see cref="JumpIfNotZero"/>.</summary>
    public int Here => _code.Count;

    public byte[] ToArray() => [.. _code];

    public void Load(Register target, Place source) => General(0x8B, target, source);

    public void Store(Place target, Register source) => General(0x89, source, target);

    public void Add(Register target, int value) => Immediate(0, target, value);

    /// <summary>target -= value, and says whether that is zero.</summary>
    public void Subtract(Register target, int value) => Immediate(5, target, value);

    public void Add(Register target, Place source) => General(0x03, target, source);

    public void Add(Register target, Register other) =>
        _code.AddRange([(byte)(0x48 | ((int)target >> 3 << 2) | ((int)other >> 3)), 0x03, (byte)(0xC0 | (((int)target & 7) << 3) | ((int)other & 7))]);

    public void Subtract(Register target, Register other) =>
        _code.AddRange([(byte)(0x48 | ((int)target >> 3 << 2) | ((int)other >> 3)), 0x2B, (byte)(0xC0 | (((int)target & 7) << 3) | ((int)other & 7))]);

    /// <summary>target = min(target, other), of signed numbers.</summary>
    public void Minimum(Register target, Register other)
    {
        _code.AddRange([(byte)(0x48 | ((int)target >> 3 << 2) | ((int)other >> 3)), 0x3B, (byte)(0xC0 | (((int)target & 7) << 3) | ((int)other & 7))]); // CMP target, other
        _code.AddRange([(byte)(0x48 | ((int)target >> 3 << 2) | ((int)other >> 3)), 0x0F, 0x4F, (byte)(0xC0 | (((int)target & 7) << 3) | ((int)other & 7))]); // CMOVG
    }

    /// <summary>Compares with zero.</summary>
    public void Test(Register register) =>
        _code.AddRange([(byte)(0x48 | ((int)register >> 3 << 2) | ((int)register >> 3)), 0x85, (byte)(0xC0 | (((int)register & 7) << 3) | ((int)register & 7))]);

    public void JumpIfNotZero(int to) => Jump(0x85, to);

    public void JumpIfPositive(int to) => Jump(0x8F, to);

    /// <summary>Clears the upper halves of the registers, which would slow code without vectors of 256 bits, and returns.</summary>
    public void Return() => _code.AddRange([0xC5, 0xF8, 0x77, 0xC3]);

    /// <summary>Sets a mask register, by way of RAX.</summary>
    public void SetMask(int mask, int lanes)
    {
        _code.Add(0xB8); // MOV EAX
        _code.AddRange(BitConverter.GetBytes(lanes));
        _code.AddRange([0xC5, 0xF8, 0x92, (byte)(0xC0 | (mask << 3))]); // KMOVW
    }

    /// <summary>VPBROADCASTD to the lanes of a mask; the others keep what they hold, or become zero.</summary>
    public void Broadcast(int target, Place source, int mask, bool zero)
    {
        _mask = mask | (zero ? 0x80 : 0);
        Broadcast(target, source);
        _mask = 0;
    }

    /// <summary>VPADDD.</summary>
    public void Add(int target, int left, int right) => Vector(Map.One, Prefix.P66, 0xFE, target, left, right);

    /// <summary>VEXTRACTI32X8: the upper half of 64 bytes.</summary>
    public void UpperHalf(int target, int source)
    {
        var before = VectorBytes;
        VectorBytes = 64;
        Vector(Map.Three, Prefix.P66, 0x3B, source, 0, target);
        _code.Add(1);
        VectorBytes = before;
    }

    /// <summary>VMOVDQU32.</summary>
    public void LoadVector(int target, Place source) => Vector(Map.One, Prefix.F3, 0x6F, target, 0, source, VectorBytes);

    /// <summary>VMOVUPS.</summary>
    public void StoreVector(Place target, int source) => Vector(Map.One, Prefix.None, 0x11, source, 0, target, VectorBytes);

    /// <summary>VPBROADCASTD.</summary>
    public void Broadcast(int target, Place source) => Vector(Map.Two, Prefix.P66, 0x58, target, 0, source, 4);

    /// <summary>VPDPBUSD: each 32-bit lane of the sum gains four products of unsigned and signed bytes.</summary>
    public void DotProduct(int sum, int unsigned, int signed) => Vector(Map.Two, Prefix.P66, 0x50, sum, unsigned, signed);

    /// <summary>VDPBF16PS: each 32-bit lane of the sum gains two products of bfloat16.</summary>
    public void PairProduct(int sum, int left, int right) => Vector(Map.Two, Prefix.F3, 0x52, sum, left, right);

    /// <summary>VCVTDQ2PS.</summary>
    public void ToFloat(int target, int source) => Vector(Map.One, Prefix.None, 0x5B, target, 0, source);

    /// <summary>VMULPS.</summary>
    public void Multiply(int target, int left, int right) => Vector(Map.One, Prefix.None, 0x59, target, left, right);

    /// <summary>VFMADD213PS: target = target x factor + addend.</summary>
    public void MultiplyAdd(int target, int factor, Place addend) => Vector(Map.Two, Prefix.P66, 0xA8, target, factor, addend, VectorBytes);

    /// <summary>VPANDD.</summary>
    public void And(int target, int left, int right) => Vector(Map.One, Prefix.P66, 0xDB, target, left, right);

    /// <summary>VPANDD.</summary>
    public void And(int target, int left, Place right) => Vector(Map.One, Prefix.P66, 0xDB, target, left, right, VectorBytes);

    /// <summary>VPSRLW: the 16-bit lanes of a place, moved down.</summary>
    public void ShiftRight16(int target, Place source, byte bits)
    {
        Vector(Map.One, Prefix.P66, 0x71, 2, target, source, VectorBytes);
        _code.Add(bits);
    }

    /// <summary>VPSLLD: 32-bit lanes, moved up.</summary>
    public void ShiftLeft32(int target, int source, byte bits)
    {
        Vector(Map.One, Prefix.P66, 0x72, 6, target, source);
        _code.Add(bits);
    }

    /// <summary>VPMOVZXWD: 16-bit numbers as 32-bit ones.</summary>
    public void Widen16(int target, Place source) => Vector(Map.Two, Prefix.P66, 0x33, target, 0, source, VectorBytes / 2);

    private void Jump(byte condition, int to)
    {
        _code.AddRange([0x0F, condition]);
        _code.AddRange(BitConverter.GetBytes(to - (_code.Count + 4)));
    }

    private void General(byte opcode, Register register, Place place)
    {
        _code.Add((byte)(0x48 | ((int)register >> 3 << 2) | ((int)place.Base >> 3)));
        _code.Add(opcode);
        _code.Add((byte)(0x80 | (((int)register & 7) << 3) | ((int)place.Base & 7)));
        _code.AddRange(BitConverter.GetBytes(place.Offset));
    }

    private void Immediate(int operation, Register target, int value)
    {
        _code.Add((byte)(0x48 | ((int)target >> 3)));
        _code.Add(0x81);
        _code.Add((byte)(0xC0 | (operation << 3) | ((int)target & 7)));
        _code.AddRange(BitConverter.GetBytes(value));
    }

    /// <summary>Registers only.</summary>
    private void Vector(Map map, Prefix prefix, byte opcode, int target, int second, int third)
    {
        Evex(map, prefix, target, second, third >> 3 & 1, third >> 4);
        _code.Add(opcode);
        _code.Add((byte)(0xC0 | ((target & 7) << 3) | (third & 7)));
    }

    /// <summary>With a place as the last operand. Distances that are a small multiple of <paramref name="unit"/> take one byte.</summary>
    private void Vector(Map map, Prefix prefix, byte opcode, int target, int second, Place place, int unit)
    {
        Evex(map, prefix, target, second, (int)place.Base >> 3, 0);
        _code.Add(opcode);
        var isShort = place.Offset % unit == 0 && place.Offset / unit is >= -128 and <= 127;
        _code.Add((byte)((isShort ? 0x40 : 0x80) | ((target & 7) << 3) | ((int)place.Base & 7)));
        if (isShort) _code.Add((byte)(place.Offset / unit));
        else _code.AddRange(BitConverter.GetBytes(place.Offset));
    }

    /// <summary>The prefix of instructions with 32-bit lanes; its register bits are stored inverted, and its length field is 20h for 32 bytes, 40h for 64.</summary>
    private void Evex(Map map, Prefix prefix, int target, int second, int thirdBit3, int thirdBit4)
    {
        var registers = ((target >> 3 & 1) << 7) | (thirdBit4 << 6) | (thirdBit3 << 5) | ((target >> 4) << 4);
        _code.Add(0x62);
        _code.Add((byte)((registers ^ 0xF0) | (int)map));
        _code.Add((byte)(((second & 15) << 3 ^ 0x78) | 4 | (int)prefix));
        _code.Add((byte)(VectorBytes | ((second >> 4) << 3 ^ 8) | _mask));
    }
}
