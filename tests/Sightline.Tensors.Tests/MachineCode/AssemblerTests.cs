using Sightline.Tensors.Cpu.MachineCode;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Tests.MachineCode;

/// <summary>Against the bytes that GNU as 2.40 makes of the same instructions.</summary>
public sealed class AssemblerTests
{
    [Fact]
    public void Vectors_of_32_bytes()
    {
        Assert.Equal("62617E286F4E03", Hex(code => code.LoadVector(25, new Place(Register.Rsi, 0x60))));
        Assert.Equal("62C17C2811B900100000", Hex(code => code.StoreVector(new Place(Register.R9, 0x1000), 23)));
        Assert.Equal("62627D28586205", Hex(code => code.Broadcast(28, new Place(Register.Rdx, 0x14))));
        Assert.Equal("62823D2050CD", Hex(code => code.DotProduct(17, 24, 29)));
        Assert.Equal("62117C285BC7", Hex(code => code.ToFloat(8, 31)));
        Assert.Equal("6201242059F4", Hex(code => code.Multiply(30, 27, 28)));
        Assert.Equal("62D21D20A86905", Hex(code => code.MultiplyAdd(5, 28, new Place(Register.R9, 0xA0))));
        Assert.Equal("62610520DB4601", Hex(code => code.And(24, 31, new Place(Register.Rsi, 0x20))));
        Assert.Equal("62112D28DBCF", Hex(code => code.And(9, 10, 31)));
        Assert.Equal("62F12D2071560204", Hex(code => code.ShiftRight16(26, new Place(Register.Rsi, 0x40), 4)));
        Assert.Equal("62912D2072F210", Hex(code => code.ShiftLeft32(26, 26, 16)));
        Assert.Equal("62627D28335E03", Hex(code => code.Widen16(27, new Place(Register.Rsi, 0x30))));
        Assert.Equal("62915528FEEC", Hex(code => code.Add(5, 5, 28)));
    }

    [Fact]
    public void Vectors_of_64_bytes_and_masks()
    {
        Assert.Equal("62C23D4050C9", Hex(code => code.DotProduct(17, 24, 9), 64));
        Assert.Equal("62121E4052CE", Hex(code => code.PairProduct(9, 28, 30), 64));
        Assert.Equal("6202164052DF", Hex(code => code.PairProduct(27, 29, 31), 64));
        Assert.Equal("62627D48334601", Hex(code => code.Widen16(24, new Place(Register.Rsi, 0x20)), 64));
        Assert.Equal("62E27D49584201", Hex(code => code.Broadcast(16, new Place(Register.Rdx, 4), 1, zero: false), 64));
        Assert.Equal("62D27DCA585802", Hex(code => code.Broadcast(3, new Place(Register.R8, 8), 2, zero: true), 64));
        Assert.Equal("62937D483BEC01", Hex(code => code.UpperHalf(28, 5)));
        Assert.Equal("B800FF0000C5F892C8", Hex(code => code.SetMask(1, 0xFF00)));
    }

    [Fact]
    public void Pointers_and_jumps()
    {
        Assert.Equal("488B8F10000000", Hex(code => code.Load(Register.Rcx, new Place(Register.Rdi, 16))));
        Assert.Equal("4C898720000000", Hex(code => code.Store(new Place(Register.Rdi, 32), Register.R8)));
        Assert.Equal("4881C200010000", Hex(code => code.Add(Register.Rdx, 256)));
        Assert.Equal("4981EB01000000", Hex(code => code.Subtract(Register.R11, 1)));
        Assert.Equal("4D2BD3", Hex(code => code.Subtract(Register.R10, Register.R11)));
        Assert.Equal("4C03D0", Hex(code => code.Add(Register.R10, Register.Rax)));
        Assert.Equal("4D3BDA4D0F4FDA", Hex(code => code.Minimum(Register.R11, Register.R10)));
        Assert.Equal("4D85D20F8FF7FFFFFF", Hex(code =>
        {
            code.Test(Register.R10);
            code.JumpIfPositive(0);
        }));
    }

    [Fact]
    public void Functions_end_and_begin_where_they_should()
    {
        foreach (var format in new[] { QuantizedFormat.Int8, QuantizedFormat.Int4 })
        {
            var all = Enumerable.Range(1, ThinProductCode.MaxRows).Select(rows => ThinProductCode.Assemble(format, rows)).Append(DotProductCode.Assemble(format));
            Assert.All(all, code => Assert.Equal([0xC5, 0xF8, 0x77, 0xC3], code[^4..])); // VZEROUPPER, RET
        }
    }

    private static string Hex(Action<Assembler> write, int vectorBytes = 32)
    {
        var code = new Assembler { VectorBytes = vectorBytes };
        write(code);
        return Convert.ToHexString(code.ToArray());
    }
}
