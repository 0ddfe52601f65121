using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sightline.Tensors.Cpu.Gemm;

/// <summary>One row of a register tile: one or two vectors of a width. Products are fused where the processor can.</summary>
internal unsafe interface ITileRow<TSelf>
    where TSelf : struct, ITileRow<TSelf>
{
    /// <summary>Floats in the row.</summary>
    static abstract int Columns { get; }

    /// <summary>All zero.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>From memory, unaligned.</summary>
    static abstract TSelf Load(float* source);

    /// <summary>factor · row + sum.</summary>
    static abstract TSelf MultiplyAdd(float* factor, TSelf row, TSelf sum);

    /// <summary>To memory, unaligned.</summary>
    void Store(float* target);
}

/// <summary>The specification: one column, multiply then add.</summary>
internal readonly unsafe struct ScalarRow(float value) : ITileRow<ScalarRow>
{
    private readonly float _value = value;

    public static int Columns => 1;

    public static ScalarRow Zero => default;

    public static ScalarRow Load(float* source) => new(*source);

    public static ScalarRow MultiplyAdd(float* factor, ScalarRow row, ScalarRow sum) => new((*factor * row._value) + sum._value);

    public void Store(float* target) => *target = _value;
}

/// <summary>16 columns.</summary>
internal readonly unsafe struct One512(Vector512<float> value) : ITileRow<One512>
{
    private readonly Vector512<float> _value = value;

    public static int Columns => 16;

    public static One512 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One512 MultiplyAdd(float* factor, One512 row, One512 sum) =>
        new(Vector512.MultiplyAddEstimate(Vector512.Create(*factor), row._value, sum._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => _value.Store(target);
}

/// <summary>32 columns.</summary>
internal readonly unsafe struct Two512(Vector512<float> low, Vector512<float> high) : ITileRow<Two512>
{
    private readonly Vector512<float> _low = low;
    private readonly Vector512<float> _high = high;

    public static int Columns => 32;

    public static Two512 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two512 Load(float* source) => new(Vector512.Load(source), Vector512.Load(source + 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two512 MultiplyAdd(float* factor, Two512 row, Two512 sum)
    {
        var a = Vector512.Create(*factor);
        return new(Vector512.MultiplyAddEstimate(a, row._low, sum._low), Vector512.MultiplyAddEstimate(a, row._high, sum._high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target)
    {
        _low.Store(target);
        _high.Store(target + 16);
    }
}

/// <summary>8 columns.</summary>
internal readonly unsafe struct One256(Vector256<float> value) : ITileRow<One256>
{
    private readonly Vector256<float> _value = value;

    public static int Columns => 8;

    public static One256 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One256 MultiplyAdd(float* factor, One256 row, One256 sum) =>
        new(Vector256.MultiplyAddEstimate(Vector256.Create(*factor), row._value, sum._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => _value.Store(target);
}

/// <summary>16 columns.</summary>
internal readonly unsafe struct Two256(Vector256<float> low, Vector256<float> high) : ITileRow<Two256>
{
    private readonly Vector256<float> _low = low;
    private readonly Vector256<float> _high = high;

    public static int Columns => 16;

    public static Two256 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two256 Load(float* source) => new(Vector256.Load(source), Vector256.Load(source + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two256 MultiplyAdd(float* factor, Two256 row, Two256 sum)
    {
        var a = Vector256.Create(*factor);
        return new(Vector256.MultiplyAddEstimate(a, row._low, sum._low), Vector256.MultiplyAddEstimate(a, row._high, sum._high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target)
    {
        _low.Store(target);
        _high.Store(target + 8);
    }
}

/// <summary>4 columns.</summary>
internal readonly unsafe struct One128(Vector128<float> value) : ITileRow<One128>
{
    private readonly Vector128<float> _value = value;

    public static int Columns => 4;

    public static One128 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One128 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One128 MultiplyAdd(float* factor, One128 row, One128 sum) =>
        new(Vector128.MultiplyAddEstimate(Vector128.Create(*factor), row._value, sum._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => _value.Store(target);
}

/// <summary>8 columns.</summary>
internal readonly unsafe struct Two128(Vector128<float> low, Vector128<float> high) : ITileRow<Two128>
{
    private readonly Vector128<float> _low = low;
    private readonly Vector128<float> _high = high;

    public static int Columns => 8;

    public static Two128 Zero => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two128 Load(float* source) => new(Vector128.Load(source), Vector128.Load(source + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Two128 MultiplyAdd(float* factor, Two128 row, Two128 sum)
    {
        var a = Vector128.Create(*factor);
        return new(Vector128.MultiplyAddEstimate(a, row._low, sum._low), Vector128.MultiplyAddEstimate(a, row._high, sum._high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target)
    {
        _low.Store(target);
        _high.Store(target + 4);
    }
}
