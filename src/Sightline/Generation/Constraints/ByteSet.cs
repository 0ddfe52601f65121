namespace Sightline.Generation.Constraints;

/// <summary>Some of the 256 bytes.</summary>
internal readonly record struct ByteSet(ulong A, ulong B, ulong C, ulong D)
{
    public bool Contains(byte value) => (((value >> 6) switch { 0 => A, 1 => B, 2 => C, _ => D }) & (1UL << (value & 63))) != 0;

    public static ByteSet Of(byte value) => default(ByteSet).With(value);

    /// <summary>The characters of an ASCII text.</summary>
    public static ByteSet Of(string ascii) => ascii.Aggregate(default(ByteSet), (set, c) => set.With(checked((byte)c)));

    /// <summary>From first to last, both included.</summary>
    public static ByteSet Range(byte first, byte last)
    {
        var set = default(ByteSet);
        for (int value = first; value <= last; value++) set = set.With((byte)value);
        return set;
    }

    public ByteSet Without(string ascii)
    {
        var gone = Of(ascii);
        return new ByteSet(A & ~gone.A, B & ~gone.B, C & ~gone.C, D & ~gone.D);
    }

    private ByteSet With(byte value)
    {
        var bit = 1UL << (value & 63);
        return (value >> 6) switch
        {
            0 => this with { A = A | bit },
            1 => this with { B = B | bit },
            2 => this with { C = C | bit },
            _ => this with { D = D | bit },
        };
    }
}
