using System.Runtime.CompilerServices;

namespace Sightline.Tensors.LibTorch.Native;

/// <summary>
/// One argument of an operator in the ABI's form of 64 bits: integers widened with their sign, reals as the bits of a float64, tensors as handles.
/// What an operator's schema calls an int must come as an integer and a float as a real: nothing converts between them, and the schema type
/// Scalar has no form at all (libtorch 2.14), so that no operator with such an argument can be called this way.
/// </summary>
internal readonly struct Argument
{
    private Argument(ulong bits, bool isTensor) => (Bits, IsTensor) = (bits, isTensor);

    public ulong Bits { get; }

    /// <summary>A borrowed tensor: the call must be given a handle of its own.</summary>
    public bool IsTensor { get; }

    /// <summary>An optional argument that is absent.</summary>
    public static Argument None => default;

    /// <summary>Something that the call takes over: a list, a string, an optional.</summary>
    public static Argument Owned(ulong bits) => new(bits, false);

    public static implicit operator Argument(Value tensor) => new((ulong)tensor.Handle, true);

    public static implicit operator Argument(long value) => new((ulong)value, false);

    public static implicit operator Argument(int value) => new((ulong)(long)value, false);

    public static implicit operator Argument(double value) => new(BitConverter.DoubleToUInt64Bits(value), false);

    public static implicit operator Argument(bool value) => new(value ? 1UL : 0UL, false);
}

/// <summary>Sizes or steps of a tensor's axes.</summary>
[InlineArray(8)]
internal struct Axes
{
    private long _first;
}
