using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sightline.Tensors.LibTorch.Native;

/// <summary>One kernel's calls into libtorch: owns every tensor that they make and gives all of them back at the end.</summary>
internal sealed unsafe class Work : IDisposable
{
    private const int MaxArguments = 32;

    [ThreadStatic]
    private static Stack<Work>? s_spare;

    private readonly List<nint> _owned = new(32);
    private LibTorchEngine _engine = null!;
    private LibTorchLibrary _native = null!;

    private Work()
    {
    }

    public int Float64 => _native.Float64;

    public static Work On(LibTorchEngine engine)
    {
        var spare = s_spare ??= new Stack<Work>();
        var work = spare.Count > 0 ? spare.Pop() : new Work();
        (work._engine, work._native) = (engine, engine.Native);
        return work;
    }

    public void Dispose()
    {
        foreach (var handle in _owned)
        {
            if (handle != 0) _native.DeleteTensor(handle);
        }

        _owned.Clear();
        s_spare!.Push(this);
    }

    /// <summary>The library's number of an element type.</summary>
    public int Number(DType type) => _native.Types[(int)type];

    /// <summary>An operand.</summary>
    public Value Of(Tensor tensor)
    {
        Axes sizes = default, steps = default;
        var rank = tensor.Shape.Rank;
        for (var i = 0; i < rank; i++) sizes[i] = tensor.Shape[i];
        RowMajor(((ReadOnlySpan<long>)sizes)[..rank], ref steps);
        return Reinterpret(_engine.HandleOf(tensor), ((ReadOnlySpan<long>)sizes)[..rank], ((ReadOnlySpan<long>)steps)[..rank], tensor.ByteOffset / tensor.DType.Size());
    }

    /// <summary>An operand under other sizes, row-major.</summary>
    public Value Of(Tensor tensor, params ReadOnlySpan<long> sizes)
    {
        Axes steps = default;
        return Reinterpret(_engine.HandleOf(tensor), sizes, RowMajor(sizes, ref steps), tensor.ByteOffset / tensor.DType.Size());
    }

    /// <summary>An operand's memory with any sizes and steps.</summary>
    public Value Of(Tensor tensor, ReadOnlySpan<long> sizes, ReadOnlySpan<long> steps, long offset = 0) =>
        Reinterpret(_engine.HandleOf(tensor), sizes, steps, (tensor.ByteOffset / tensor.DType.Size()) + offset);

    /// <summary>A float operand as float32 (as it is where it has that type).</summary>
    public Value Wide(Tensor tensor) => tensor.DType == DType.Float32 ? Of(tensor) : Cast(Of(tensor), Number(DType.Float32));

    /// <summary>As <see cref="Wide(Tensor)"/> under other sizes.</summary>
    public Value Wide(Tensor tensor, params ReadOnlySpan<long> sizes) => tensor.DType == DType.Float32 ? Of(tensor, sizes) : Cast(Of(tensor, sizes), Number(DType.Float32));

    public Value View(Value value, ReadOnlySpan<long> sizes, ReadOnlySpan<long> steps, long offset) => Reinterpret(value.Handle, sizes, steps, offset);

    /// <summary>A number as a tensor without axes on the engine's device, which operators treat like a plain number.</summary>
    public Value Constant(double value) => Constant(BitConverter.DoubleToInt64Bits(value), Float64, sizeof(double));

    /// <summary>As <see cref="Constant(double)"/>, of an element type.</summary>
    public Value Constant(long value, DType type) => Constant(value, Number(type), type.Size());

    public Value Empty(int type, params ReadOnlySpan<long> sizes)
    {
        Axes steps = default;
        RowMajor(sizes, ref steps);
        nint made;
        fixed (long* size = sizes)
            Check(_native.EmptyStrided(sizes.Length, size, (long*)Unsafe.AsPointer(ref steps[0]), type, _engine.DeviceType, _engine.DeviceIndex, &made), "aten::empty_strided");
        return Own(made);
    }

    public Value Empty(DType type, params ReadOnlySpan<long> sizes) => Empty(Number(type), sizes);

    public Value Zeros(DType type, params ReadOnlySpan<long> sizes)
    {
        var value = Empty(type, sizes);
        Check(_native.Zero(value.Handle), "aten::zero_");
        return value;
    }

    public Value Full(double number, DType type, params ReadOnlySpan<long> sizes)
    {
        var value = Empty(type, sizes);
        Check(_native.Fill(value.Handle, number), "aten::fill_");
        return value;
    }

    /// <summary>A tensor with the processor's values.</summary>
    public Value From<T>(ReadOnlySpan<T> values, DType type, params ReadOnlySpan<long> sizes)
        where T : unmanaged
    {
        var value = Empty(type, sizes);
        _engine.Send(MemoryMarshal.AsBytes(values), value.Handle, type, 0);
        return value;
    }

    /// <summary>A vector of float64 numbers.</summary>
    public Value From64(ReadOnlySpan<double> values)
    {
        var value = Empty(Float64, values.Length);
        _engine.Send(MemoryMarshal.AsBytes(values), value.Handle, Float64, sizeof(double));
        return value;
    }

    /// <summary>a + b of integers, wrapping; the ABI has no other addition of them. The second operand is repeated along the axes that it lacks.</summary>
    public Value AddWhole(Value a, Value b, DType type)
    {
        var both = Empty(type, [2, .. SizesOf(a)]);
        CopyInto(both.Narrow(0, 0, 1), a);
        CopyInto(both.Narrow(0, 1, 1), b);
        return Call("aten::sum"u8, "dim_IntList"u8, both, Some(List(0)), false, Some(Number(type)));
    }

    /// <summary>a - factor · b of floats: the one addition that the ABI has without a Scalar.</summary>
    public Value Subtract(Value a, Value b, double factor)
    {
        nint made;
        Check(_native.Subtract(a.Handle, b.Handle, factor, &made), "aten::subtract");
        return Own(made);
    }

    public Value Cast(Value value, int type) => Call("aten::to"u8, "dtype"u8, value, type, false, false, Argument.None);

    public int TypeOf(Value value)
    {
        int type;
        Check(_native.TypeOf(value.Handle, &type), "dtype");
        return type;
    }

    public void CopyInto(Value target, Value source) => Check(_native.CopyInto(target.Handle, source.Handle, 0), "aten::copy_");

    /// <summary>The sizes of a tensor; valid as long as it is.</summary>
    public ReadOnlySpan<long> SizesOf(Value value)
    {
        long rank;
        long* sizes;
        Check(_native.Axes(value.Handle, &rank), "axes");
        Check(_native.Sizes(value.Handle, &sizes), "sizes");
        return new ReadOnlySpan<long>(sizes, (int)rank);
    }

    /// <summary>The same tensor, known to share its memory.</summary>
    public Value Borrow(Value value) => new(this, value.Handle, false);

    /// <summary>An optional argument that is there; it is taken over by the call that it is for.</summary>
    public Argument Some(Argument value)
    {
        var slot = _native.NewOptional();
        *slot = value.IsTensor ? (ulong)NewHandle((nint)value.Bits) : value.Bits;
        return Argument.Owned((ulong)slot);
    }

    /// <summary>An optional tensor.</summary>
    public Argument Some(Value? value) => value is { } tensor ? Some((Argument)tensor) : Argument.None;

    /// <summary>A list of integers or bools for one call.</summary>
    public Argument List(params ReadOnlySpan<Argument> items)
    {
        nint list;
        Check(_native.NewList((nuint)items.Length, &list), "a list");
        foreach (var item in items) Check(_native.PushBack(list, item.IsTensor ? (ulong)NewHandle((nint)item.Bits) : item.Bits), "a list");
        return Argument.Owned((ulong)list);
    }

    /// <summary>A string for one call.</summary>
    public Argument Text(ReadOnlySpan<byte> text)
    {
        nint made;
        fixed (byte* bytes = text) Check(_native.NewString(bytes, (nuint)text.Length, &made), "a string");
        return Argument.Owned((ulong)made);
    }

    /// <summary>Calls an operator by name and overload; the first result.</summary>
    public Value Call(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, params ReadOnlySpan<Argument> arguments)
    {
        var stack = stackalloc ulong[MaxArguments];
        Run(name, overload, arguments, stack);
        return Own((nint)stack[0]);
    }

    /// <summary>Calls an operator that changes its arguments and returns nothing.</summary>
    public void Execute(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, params ReadOnlySpan<Argument> arguments)
    {
        var stack = stackalloc ulong[MaxArguments];
        Run(name, overload, arguments, stack);
    }

    public (Value First, Value Second) Call2(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, params ReadOnlySpan<Argument> arguments)
    {
        var stack = stackalloc ulong[MaxArguments];
        Run(name, overload, arguments, stack);
        return (Own((nint)stack[0]), Own((nint)stack[1]));
    }

    public (Value First, Value Second, Value Third) Call3(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, params ReadOnlySpan<Argument> arguments)
    {
        var stack = stackalloc ulong[MaxArguments];
        Run(name, overload, arguments, stack);
        return (Own((nint)stack[0]), Own((nint)stack[1]), Own((nint)stack[2]));
    }

    /// <summary>Makes a value the contents of a result: by handing its memory over where it is dense and nobody else's, else by a copy. Converts the element type.</summary>
    public void Write(Tensor target, Value value)
    {
        if (target.Count == 0) return;
        value = value.As(target.DType);
        if (value.IsFresh && _engine.Covers(target) && IsDense(value, target))
        {
            _engine.Adopt(target, Release(value));
            return;
        }

        var sizes = SizesOf(value);
        CopyInto(CountOf(sizes) == target.Count ? Of(target, sizes) : Of(target), value);
    }

    /// <summary>As above, where the value has the elements of the target under other axes: they are those of the target's memory with these sizes and steps.</summary>
    public void Write(Tensor target, Value value, ReadOnlySpan<long> sizes, ReadOnlySpan<long> steps)
    {
        if (target.Count == 0) return;
        value = value.As(target.DType);
        if (value.IsFresh && _engine.Covers(target) && HasSteps(value, sizes, steps) && OwnsAll(value, target))
        {
            _engine.Adopt(target, Release(value));
            return;
        }

        CopyInto(Of(target, sizes, steps), value);
    }

    /// <summary>target = value + beta · target; the value has as many elements, perhaps under other axes (rows for all leading ones).</summary>
    public void Add(Tensor target, Value value, float beta)
    {
        if (beta == 0) Write(target, value);
        else Write(target, Wide(target, SizesOf(value)) + value.As(DType.Float32));
    }

    /// <summary>Gives up a tensor before the end.</summary>
    public void Free(Value value) => _native.DeleteTensor(Release(value));

    /// <summary>Row-major steps of sizes, in the buffer given.</summary>
    public static ReadOnlySpan<long> RowMajor(ReadOnlySpan<long> sizes, ref Axes buffer)
    {
        var steps = MemoryMarshal.CreateSpan(ref buffer[0], sizes.Length);
        long run = 1;
        for (var i = sizes.Length - 1; i >= 0; i--)
        {
            steps[i] = run;
            run *= Math.Max(sizes[i], 1);
        }

        return steps;
    }

    private void Run(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, ReadOnlySpan<Argument> arguments, ulong* stack)
    {
        for (var i = 0; i < arguments.Length; i++) stack[i] = arguments[i].IsTensor ? (ulong)NewHandle((nint)arguments[i].Bits) : arguments[i].Bits;
        byte none = 0;
        fixed (byte* at = name, which = overload)
        {
            if (_native.Dispatch(at, which is null ? &none : which, stack) != 0) throw _native.Failure(Describe(name, overload, arguments));
        }
    }

    /// <summary>The operator with the shapes of its tensors, for an error.</summary>
    private string Describe(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, ReadOnlySpan<Argument> arguments)
    {
        var text = System.Text.Encoding.UTF8.GetString(name) + (overload.Length == 0 ? "" : "." + System.Text.Encoding.UTF8.GetString(overload));
        var shapes = new List<string>();
        foreach (var argument in arguments)
        {
            if (!argument.IsTensor) continue;
            long rank;
            long* sizes;
            if (_native.Axes((nint)argument.Bits, &rank) != 0 || _native.Sizes((nint)argument.Bits, &sizes) != 0) continue;
            shapes.Add($"[{string.Join(", ", new ReadOnlySpan<long>(sizes, (int)rank).ToArray())}]");
        }

        return $"{text}({string.Join(", ", shapes)}) on {_engine.Name}";
    }

    private Value Constant(long bits, int type, int size)
    {
        var handle = _engine.Constant(bits, type, size, out var isKept);
        return isKept ? new Value(this, handle, false) : Own(handle);
    }

    private nint NewHandle(nint handle)
    {
        nint made;
        Check(_native.NewHandle(handle, &made), "a tensor handle");
        return made;
    }

    private Value Own(nint handle)
    {
        _owned.Add(handle);
        return new Value(this, handle, true);
    }

    private nint Release(Value value)
    {
        _owned[_owned.LastIndexOf(value.Handle)] = 0;
        return value.Handle;
    }

    private Value Reinterpret(nint handle, ReadOnlySpan<long> sizes, ReadOnlySpan<long> steps, long offset)
    {
        nint made;
        long none;
        fixed (long* size = sizes, step = steps)
            Check(_native.Reinterpret(handle, sizes.Length, size is null ? &none : size, step is null ? &none : step, offset, &made), "a view");
        _owned.Add(made);
        return new Value(this, made, false);
    }

    private static long CountOf(ReadOnlySpan<long> sizes)
    {
        long count = 1;
        foreach (var size in sizes) count *= size;
        return count;
    }

    private bool IsDense(Value value, Tensor target)
    {
        long rank, elements;
        long* sizes, steps;
        _native.Axes(value.Handle, &rank);
        _native.Elements(value.Handle, &elements);
        _native.Sizes(value.Handle, &sizes);
        _native.Strides(value.Handle, &steps);
        if (elements != target.Count) return false;
        for (long i = rank - 1, run = 1; i >= 0; run *= sizes[i--])
        {
            if (sizes[i] != 1 && steps[i] != run) return false;
        }

        return OwnsAll(value, target);
    }

    private bool HasSteps(Value value, ReadOnlySpan<long> sizes, ReadOnlySpan<long> steps)
    {
        long rank;
        long* itsSizes, itsSteps;
        _native.Axes(value.Handle, &rank);
        _native.Sizes(value.Handle, &itsSizes);
        _native.Strides(value.Handle, &itsSteps);
        if (rank != sizes.Length) return false;
        for (var i = 0; i < sizes.Length; i++)
        {
            if (itsSizes[i] != sizes[i] || (itsSteps[i] != steps[i] && sizes[i] != 1)) return false;
        }

        return true;
    }

    private bool OwnsAll(Value value, Tensor target)
    {
        long offset, bytes;
        _native.StorageOffset(value.Handle, &offset);
        _native.StorageBytes(value.Handle, &bytes);
        return offset == 0 && bytes == target.Bytes;
    }

    private void Check(int code, string what) => _native.Check(code, what);
}
