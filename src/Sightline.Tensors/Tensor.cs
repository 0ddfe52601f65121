using System.Runtime.CompilerServices;
using Sightline.Tensors.Memory;

namespace Sightline.Tensors;

/// <summary>
/// A dense row-major array of numbers in the memory of an <see cref="Sightline.Tensors.Engine"/> (on the processor: 64-byte-aligned
/// pooled native memory). A tensor owns its share of the memory and gives it back in <see cref="Dispose"/>; inside a <see cref="TensorScope"/> that happens by itself when the scope ends.
/// Tensors are always contiguous: <see cref="Reshape"/> and <see cref="Slice"/> share memory, everything else copies.
/// Not thread-safe for writing.
/// </summary>
public sealed unsafe class Tensor : IDisposable
{
    private const int CopyBlock = 1 << 24; // bytes, between engines
    private TensorStorage? _storage;
    private byte* _data; // null where only the engine can see the memory, and after Dispose
    private Tensor? _grad;

    /// <summary>Takes over one reference of the storage.</summary>
    internal Tensor(Engine engine, TensorStorage storage, long byteOffset, Shape shape, DType type)
    {
        Engine = engine;
        _storage = storage;
        ByteOffset = byteOffset;
        if (storage.HostAddress != 0) _data = (byte*)storage.HostAddress + byteOffset;
        Shape = shape;
        DType = type;
        TensorScope.Current?.Add(this);
    }

    /// <summary>The engine whose memory this is and whose kernels work on it.</summary>
    public Engine Engine { get; }

    /// <summary>The sizes of the axes, slowest first.</summary>
    public Shape Shape { get; }

    /// <summary>The element type.</summary>
    public DType DType { get; }

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Count;

    /// <summary>Bytes of all elements.</summary>
    public long Bytes => Count * DType.Size();

    /// <summary>True where <see cref="Autograd.Tape"/> must carry a gradient to or through this tensor.</summary>
    public bool RequiresGrad { get; set; }

    /// <summary>d loss / d this, after <see cref="Autograd.Tape.Backward(Tensor)"/>; null before, or when nothing flowed here. Owned by this tensor.</summary>
    public Tensor? Grad
    {
        get => _grad;
        internal set => _grad = value;
    }

    /// <summary>True after <see cref="Dispose"/>.</summary>
    public bool IsDisposed => _storage is null;

    /// <summary>The memory, for engines. May be shared with other tensors.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public TensorStorage Storage => _storage ?? throw Disposed();

    /// <summary>Where in <see cref="Storage"/> the first element lies.</summary>
    public long ByteOffset { get; }

    /// <summary>True where the processor sees the elements, so that <see cref="AsSpan{T}"/> works.</summary>
    public bool IsOnHost => _data is not null;

    /// <summary>True when no other tensor shares this memory, so that it may be overwritten.</summary>
    internal bool IsSoleOwner => _storage is { References: 1 };

    /// <summary>The first element. Valid until the tensor is disposed.</summary>
    internal void* Data
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _data is not null ? _data : throw Unseen();
    }

    /// <summary>The first element as float32. Throws for another element type.</summary>
    internal float* F32
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => DType == DType.Float32 ? (float*)Data : throw new ShapeException($"expected a float32 tensor, got {this}");
    }

    /// <summary>The first element as int64. Throws for another element type.</summary>
    internal long* I64
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => DType == DType.Int64 ? (long*)Data : throw new ShapeException($"expected an int64 tensor, got {this}");
    }

    /// <summary>A new tensor with arbitrary contents.</summary>
    public static Tensor Empty(Shape shape, DType type = DType.Float32, Engine? engine = null) =>
        (engine ?? Engine.Default).Allocate(shape, type);

    /// <summary>A new tensor of zeros.</summary>
    public static Tensor Zeros(Shape shape, DType type = DType.Float32, Engine? engine = null)
    {
        var tensor = Empty(shape, type, engine);
        tensor.Engine.Clear(tensor);
        return tensor;
    }

    /// <summary>A new float32 tensor with every element equal.</summary>
    public static Tensor Full(Shape shape, float value, Engine? engine = null)
    {
        var tensor = Empty(shape, DType.Float32, engine);
        tensor.Engine.Fill(tensor, value);
        return tensor;
    }

    /// <summary>A new tensor with a copy of the values, row-major. Element type from <typeparamref name="T"/>.</summary>
    /// <exception cref="ShapeException">The number of values is not that of the shape.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> values, Shape shape, Engine? engine = null)
        where T : unmanaged
    {
        if (values.Length != shape.Count) throw new ShapeException($"Tensor.From: {values.Length} values for the shape {shape}, which has {shape.Count}");
        var tensor = Empty(shape, TypeOf<T>(), engine);
        tensor.Engine.Upload(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values), tensor);
        return tensor;
    }

    /// <summary>As <see cref="From{T}(ReadOnlySpan{T}, Shape, Engine?)"/>.</summary>
    public static Tensor From<T>(T[] values, Shape shape, Engine? engine = null)
        where T : unmanaged => From((ReadOnlySpan<T>)values, shape, engine);

    /// <summary>A scalar.</summary>
    public static Tensor Scalar(float value, Engine? engine = null) => Full([], value, engine);

    /// <summary>The elements in place. Only where the processor sees them (<see cref="IsOnHost"/>).</summary>
    /// <exception cref="ShapeException">The element type differs.</exception>
    /// <exception cref="OverflowException">The tensor is too large for a span.</exception>
    /// <exception cref="InvalidOperationException">The elements are in the memory of a device.</exception>
    public Span<T> AsSpan<T>()
        where T : unmanaged
    {
        if (TypeOf<T>() != DType && !(typeof(T) == typeof(byte)))
            throw new ShapeException($"AsSpan<{typeof(T).Name}>: the tensor is {this}");
        return new Span<T>(Data, checked((int)(Bytes / sizeof(T))));
    }

    /// <summary>The elements to read, on any engine: in place where the processor sees them, else a managed copy.</summary>
    /// <exception cref="ShapeException">The element type differs.</exception>
    public ReadOnlySpan<T> ReadSpan<T>()
        where T : unmanaged => IsOnHost || IsDisposed ? AsSpan<T>() : ToArray<T>();

    /// <summary>Overwrites the elements from the one numbered <paramref name="start"/> on, on any engine.</summary>
    /// <exception cref="ShapeException">The element type differs, or the values reach beyond the end.</exception>
    public void Write<T>(ReadOnlySpan<T> values, long start = 0)
        where T : unmanaged
    {
        if (TypeOf<T>() != DType) throw new ShapeException($"Write<{typeof(T).Name}>: the tensor is {this}");
        Engine.Upload(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values), this, start * sizeof(T));
    }

    /// <summary>A managed copy of the elements.</summary>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        if (TypeOf<T>() != DType) throw new ShapeException($"ToArray<{typeof(T).Name}>: the tensor is {this}");
        var values = new T[Count];
        Engine.Download(this, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>The only element of a float32 tensor.</summary>
    public float Item()
    {
        if (Count != 1) throw new ShapeException($"Item: {this} has {Count} elements, not one");
        float value = 0;
        Engine.Download(this, System.Runtime.InteropServices.MemoryMarshal.AsBytes(new Span<float>(ref value)));
        return DType == DType.Float32 ? value : throw new ShapeException($"Item: expected float32, got {this}");
    }

    /// <summary>The same memory under another shape, without autograd (use <c>Op.Reshape</c> in models).</summary>
    internal Tensor View(Shape shape, long offset = 0)
    {
        var storage = Storage;
        if ((offset + shape.Count) > Count) throw new ShapeException($"View: {shape} at {offset} does not fit {this}");
        storage.AddReference();
        return new Tensor(Engine, storage, ByteOffset + (offset * DType.Size()), shape, DType);
    }

    /// <summary>The same memory and shape as a tensor of its own, outside the current scope, through which no gradient flows.</summary>
    internal Tensor Share()
    {
        var storage = Storage;
        storage.AddReference();
        var share = new Tensor(Engine, storage, ByteOffset, Shape, DType);
        TensorScope.Current?.Remove(share);
        return share;
    }

    /// <summary>A view through which no gradient flows.</summary>
    public Tensor Detach() => View(Shape);

    /// <summary>A new tensor with the same elements, through which no gradient flows.</summary>
    public Tensor Clone()
    {
        var copy = Empty(Shape, DType, Engine);
        Engine.Copy(this, copy);
        return copy;
    }

    /// <summary>The same elements in the memory of another engine, without autograd; this tensor itself where it is there already.</summary>
    public Tensor To(Engine engine)
    {
        if (ReferenceEquals(engine, Engine)) return this;
        var copy = Empty(Shape, DType, engine);
        var buffer = IsOnHost ? null : new byte[Math.Min(Bytes, CopyBlock)];
        for (long done = 0; done < Bytes;)
        {
            var length = (int)Math.Min(Bytes - done, CopyBlock);
            if (buffer is not null) Engine.Download(this, buffer.AsSpan(0, length), done);
            engine.Upload(buffer is null ? new ReadOnlySpan<byte>(_data + done, length) : buffer.AsSpan(0, length), copy, done);
            done += length;
        }

        return copy;
    }

    /// <summary>As <see cref="To"/>, and disposes this tensor where the result is another: for what was written on the processor to be used elsewhere.</summary>
    public Tensor MoveTo(Engine engine)
    {
        var there = To(engine);
        if (!ReferenceEquals(there, this)) Dispose();
        return there;
    }

    /// <summary>Takes this tensor out of its scope and marks it as a leaf that outlives training steps: its owner must dispose it.</summary>
    public Tensor AsParameter(bool requiresGrad = true)
    {
        TensorScope.Current?.Remove(this);
        RequiresGrad = requiresGrad;
        return this;
    }

    /// <summary>Drops the gradient.</summary>
    public void ClearGrad()
    {
        _grad?.Dispose();
        _grad = null;
    }

    /// <summary>Gives the memory back. Safe to call twice.</summary>
    public void Dispose()
    {
        ClearGrad();
        var storage = _storage;
        _storage = null;
        _data = null;
        storage?.Release();
    }

    /// <summary>As in error messages: <c>Float32 [2, 3]</c>.</summary>
    public override string ToString() => $"{DType} {Shape}";

    internal static DType TypeOf<T>()
        where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(bool) ? DType.Bool
        : typeof(T) == typeof(sbyte) ? DType.Int8
        : typeof(T) == typeof(Half) ? DType.Float16
        : typeof(T) == typeof(BFloat16) ? DType.BFloat16
        : typeof(T) == typeof(byte) ? DType.Bool
        : throw new ShapeException($"no element type for {typeof(T).Name}");

    private Exception Unseen() => IsDisposed
        ? Disposed()
        : new InvalidOperationException($"{this} is in the memory of {Engine.Name}, where the processor does not see it: read it with ReadSpan or ToArray, or copy it with To");

    private ObjectDisposedException Disposed() => new(nameof(Tensor), $"the tensor {this} was disposed (its scope has ended?)");
}
