namespace Sightline.Tensors.LibTorch.Native;

/// <summary>
/// A tensor inside one kernel: what an operand is, or what an operator made. Formulas are written with it as with numbers; every operation is one call of
/// an ATen operator. Owned by the <see cref="Work"/> that made it.
/// </summary>
internal readonly struct Value(Work work, nint handle, bool isFresh)
{
    public Work Work => work;

    public nint Handle => handle;

    /// <summary>Made by an operator for this kernel alone: nobody else sees its memory.</summary>
    public bool IsFresh => isFresh;

    public static Value operator +(Value a, Value b) => a.Work.Subtract(a, b, -1);

    public static Value operator +(Value a, double b) => a.Work.Subtract(a, a.Work.Constant(b), -1);

    public static Value operator +(double a, Value b) => b + a;

    public static Value operator -(Value a, Value b) => a.Work.Subtract(a, b, 1);

    public static Value operator -(Value a, double b) => a.Work.Subtract(a, a.Work.Constant(b), 1);

    public static Value operator -(double a, Value b) => b.Work.Subtract(b.Work.Constant(a), b, 1);

    public static Value operator -(Value a) => a.Work.Call("aten::neg"u8, ""u8, a);

    public static Value operator *(Value a, Value b) => a.Work.Call("aten::mul"u8, "Tensor"u8, a, b);

    public static Value operator *(Value a, double b) => a * a.Work.Constant(b);

    public static Value operator *(double a, Value b) => b * a;

    public static Value operator /(Value a, Value b) => a.Work.Call("aten::div"u8, "Tensor"u8, a, b);

    public static Value operator /(Value a, double b) => a / a.Work.Constant(b);

    public static Value operator /(double a, Value b) => b.Work.Constant(a) / b;

    public static Value operator &(Value a, Value b) => a.Work.Call("aten::bitwise_and"u8, "Tensor"u8, a, b);

    public static Value operator ^(Value a, Value b) => a.Work.Call("aten::bitwise_xor"u8, "Tensor"u8, a, b);

    public Value Exp() => work.Call("aten::exp"u8, ""u8, this);

    public Value Log() => work.Call("aten::log"u8, ""u8, this);

    public Value Log1p() => work.Call("aten::log1p"u8, ""u8, this);

    public Value Sqrt() => work.Call("aten::sqrt"u8, ""u8, this);

    public Value Abs() => work.Call("aten::abs"u8, ""u8, this);

    public Value Sign() => work.Call("aten::sgn"u8, ""u8, this);

    public Value Sigmoid() => work.Call("aten::sigmoid"u8, ""u8, this);

    public Value Tanh() => work.Call("aten::tanh"u8, ""u8, this);

    public Value Atan() => work.Call("aten::atan"u8, ""u8, this);

    public Value Sin() => work.Call("aten::sin"u8, ""u8, this);

    public Value Cos() => work.Call("aten::cos"u8, ""u8, this);

    public Value Relu() => work.Call("aten::relu"u8, ""u8, this);

    /// <summary>Nearest whole number, the even one of two.</summary>
    public Value Round() => work.Call("aten::round"u8, ""u8, this);

    public Value IsNaN() => work.Call("aten::isnan"u8, ""u8, this);

    public Value IsFinite() => work.Call("aten::isfinite"u8, ""u8, this);

    public Value Not() => work.Call("aten::logical_not"u8, ""u8, this);

    public Value Power(double exponent) => work.Call("aten::pow"u8, "Tensor_Tensor"u8, this, work.Constant(exponent));

    public Value Minimum(Value other) => work.Call("aten::minimum"u8, ""u8, this, other);

    public Value Maximum(Value other) => work.Call("aten::maximum"u8, ""u8, this, other);

    public Value Maximum(double other) => Maximum(work.Constant(other));

    public Value Minimum(double other) => Minimum(work.Constant(other));

    public Value Less(Value other) => work.Call("aten::lt"u8, "Tensor"u8, this, other);

    public Value Less(double other) => Less(work.Constant(other));

    public Value AtMost(Value other) => work.Call("aten::le"u8, "Tensor"u8, this, other);

    public Value Greater(Value other) => work.Call("aten::gt"u8, "Tensor"u8, this, other);

    public Value Greater(double other) => Greater(work.Constant(other));

    public Value AtLeast(double other) => work.Call("aten::ge"u8, "Tensor"u8, this, work.Constant(other));

    public Value Equal(Value other) => work.Call("aten::eq"u8, "Tensor"u8, this, other);

    public Value Equal(double other) => Equal(work.Constant(other));

    public Value Or(Value other) => work.Call("aten::logical_or"u8, ""u8, this, other);

    public Value And(Value other) => work.Call("aten::logical_and"u8, ""u8, this, other);

    /// <summary>This bool tensor chooses.</summary>
    public Value Choose(Value yes, Value no) => work.Call("aten::where"u8, "self"u8, this, yes, no);

    public Value Choose(double yes, Value no) => Choose(work.Constant(yes), no);

    public Value Choose(Value yes, double no) => Choose(yes, work.Constant(no));

    /// <summary>The sum over an axis, which stays with size 1 where asked for.</summary>
    public Value Sum(long axis, bool keep = false) => work.Call("aten::sum"u8, "dim_IntList"u8, this, work.Some(work.List(axis)), keep, Argument.None);

    public Value LargestOf(long axis) => work.Call("aten::amax"u8, ""u8, this, work.List(axis), true);

    /// <summary>The first value of an axis, which stays.</summary>
    public Value Narrow(long axis, long start, long length) => work.Borrow(work.Call("aten::narrow"u8, ""u8, this, axis, start, length));

    /// <summary>The same values in another element type; itself where it has that type.</summary>
    public Value As(DType type) => work.TypeOf(this) == work.Number(type) ? this : work.Cast(this, work.Number(type));

    public Value AsFloat64() => work.TypeOf(this) == work.Float64 ? this : work.Cast(this, work.Float64);

    /// <summary>The same memory with other sizes and steps, from an element on.</summary>
    public Value View(ReadOnlySpan<long> sizes, ReadOnlySpan<long> steps, long offset = 0) => work.View(this, sizes, steps, offset);

    /// <summary>The same memory, row-major, with other sizes.</summary>
    public Value View(params ReadOnlySpan<long> sizes)
    {
        Axes steps = default;
        return work.View(this, sizes, Work.RowMajor(sizes, ref steps), 0);
    }

    /// <summary>A new row-major tensor with the same elements.</summary>
    public Value Dense(params ReadOnlySpan<long> sizes)
    {
        var copy = work.Empty(work.TypeOf(this), sizes);
        work.CopyInto(copy.View(work.SizesOf(this)), this);
        return copy;
    }

    /// <summary>Batched matrix product of [B, M, K] and [B, K, N].</summary>
    public Value Times(Value other) => work.Call("aten::bmm"u8, ""u8, this, other);
}
