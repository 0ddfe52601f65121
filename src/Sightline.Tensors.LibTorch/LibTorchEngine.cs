using System.Collections.Concurrent;
using Sightline.Tensors.LibTorch.Native;

namespace Sightline.Tensors.LibTorch;

/// <summary>
/// Kernels of libtorch 2.10 or later on the processor or on one GPU, called through its stable C ABI: the operator library of PyTorch without Python
/// and without C++ of ours. Tensors lie in libtorch's memory, which the processor does not see (<see cref="Tensor.IsOnHost"/> is false on every device).
/// </summary>
public sealed unsafe partial class LibTorchEngine : Engine
{
    private const int MaxConstants = 1024;

    private static readonly Lock s_gate = new();
    private static readonly Dictionary<string, LibTorchEngine> s_open = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<(long Bits, int Type), nint> _constants = new();

    private LibTorchEngine(LibTorchLibrary native, TorchDevice device)
    {
        (Native, Device) = (native, device);
        DeviceType = device.IsCuda ? native.CudaDevice : native.CpuDevice;
        Cuda = device.IsCuda && native.HasCudaStreams ? new TorchCuda(this) : null;
    }

    /// <inheritdoc/>
    public override string Name => $"libtorch:{Device}";

    /// <inheritdoc/>
    public override ICudaMemory? Cuda { get; }

    /// <summary>Where it computes.</summary>
    public TorchDevice Device { get; }

    /// <summary>The version of libtorch.</summary>
    public Version Version => Native.Version;

    /// <summary>The file of libtorch.</summary>
    public string LibraryPath => Native.Path;

    /// <summary>Threads that its kernels use on the processor (<c>OMP_NUM_THREADS</c> changes it).</summary>
    public int Threads => Native.Threads;

    internal LibTorchLibrary Native { get; }

    internal int DeviceType { get; }

    internal int DeviceIndex => Device.Index;

    /// <summary>The engine of a device; the same one for the same device.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="folder">The folder or file of libtorch; null looks for it (<see cref="LibTorchSearch"/>). The first one of a process stays.</param>
    /// <exception cref="LibTorchException">libtorch is not found, too old, or has no such device.</exception>
    public static LibTorchEngine Open(TorchDevice device = default, string? folder = null)
    {
        lock (s_gate)
        {
            if (s_open.TryGetValue(device.ToString(), out var open)) return open;
            var engine = new LibTorchEngine(LibTorchLoader.Load(device, folder), device);
            engine.Try();
            s_open.Add(device.ToString(), engine);
            return engine;
        }
    }

    /// <inheritdoc/>
    public override Tensor Allocate(Shape shape, DType type) => Own(new TorchStorage(Memory, Native, type, shape.Count), shape, type);

    /// <inheritdoc/>
    public override void Clear(Tensor target)
    {
        if (target.Count == 0) return;
        using var work = Work.On(this);
        Native.Check(Native.Zero(work.Of(target).Handle), "aten::zero_");
    }

    /// <inheritdoc/>
    public override void Fill(Tensor target, float value)
    {
        if (target.Count == 0) return;
        using var work = Work.On(this);
        Native.Check(Native.Fill(work.Of(target).Handle, value), "aten::fill_");
    }

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor target)
    {
        if (source.Bytes != target.Bytes || source.DType != target.DType) throw new ShapeException($"Copy: {source} does not fit {target}");
        if (source.Count == 0) return;
        using var work = Work.On(this);
        work.CopyInto(work.Of(target, target.Count), work.Of(source, source.Count));
    }

    /// <inheritdoc/>
    public override void Cast(Tensor source, Tensor target)
    {
        if (source.Count == 0) return;
        if (source.DType == target.DType)
        {
            Copy(source, target);
            return;
        }

        using var work = Work.On(this);
        var x = work.Of(source, source.Count);
        if (target.DType is DType.Int8 or DType.Int32 or DType.Int64)
        {
            if (source.DType.IsFloat()) x = Saturate(work, x, target.DType);
            else if (source.DType.Size() > target.DType.Size()) x = Between(work, x, target.DType);
        }

        work.Write(target, x);
    }

    /// <inheritdoc/>
    public override void Accumulate(Tensor source, Tensor target)
    {
        if (target.Count == 0) return;
        using var work = Work.On(this);
        if (target.DType.IsFloat()) work.Write(target, work.Wide(target) + work.Wide(source, Sizes(target)));
        else work.Write(target, work.AddWhole(work.Of(target), work.Of(source, Sizes(target)).As(target.DType), target.DType));
    }

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<byte> source, Tensor target, long offset = 0)
    {
        if (offset < 0 || source.Length > target.Bytes - offset) throw new ShapeException($"Upload: {source.Length} bytes at {offset} for {target}");
        if (source.Length > 0) Send(source, HandleOf(target), target.DType, target.ByteOffset + offset);
    }

    /// <inheritdoc/>
    public override void Download(Tensor source, Span<byte> target, long offset = 0)
    {
        if (offset < 0 || offset > source.Bytes) throw new ShapeException($"Download: from byte {offset} of {source}");
        var length = (int)Math.Min(target.Length, source.Bytes - offset);
        if (length > 0) Fetch(HandleOf(source), source.DType, source.ByteOffset + offset, target[..length]);
    }

    /// <summary>The library's tensor below a tensor of this engine; its memory is made where nothing was written yet.</summary>
    internal nint HandleOf(Tensor tensor) => StorageOf<TorchStorage>(tensor).Handle(DeviceType, DeviceIndex);

    /// <summary>Where a tensor's first element lies, in the memory of the device.</summary>
    internal nint AddressOf(Tensor tensor) => (nint)(Address(HandleOf(tensor)) + tensor.ByteOffset);

    /// <summary>Whether a tensor is all of its memory.</summary>
    internal bool Covers(Tensor tensor) => tensor.ByteOffset == 0 && StorageOf<TorchStorage>(tensor).Bytes == tensor.Bytes;

    /// <summary>Makes a tensor of the library the memory of a tensor.</summary>
    internal void Adopt(Tensor tensor, nint handle) => StorageOf<TorchStorage>(tensor).Replace(handle);

    /// <summary>
    /// A number without axes, which operators treat like a plain number (a float64 takes the element type of the other operand). Kept for ever; once many
    /// are kept, new ones are the caller's.
    /// </summary>
    internal nint Constant(long bits, int type, int size, out bool isKept)
    {
        isKept = true;
        if (_constants.TryGetValue((bits, type), out var known)) return known;
        nint made;
        long none = 0;
        Native.Check(Native.EmptyStrided(0, &none, &none, type, DeviceType, DeviceIndex, &made), "aten::empty_strided");
        SendBytes(new ReadOnlySpan<byte>(&bits, size), made, type, size, 0);
        isKept = _constants.Count < MaxConstants && _constants.TryAdd((bits, type), made);
        return made;
    }

    /// <summary>A few elementary calls, so that a device that is not there shows at once.</summary>
    private void Try()
    {
        try
        {
            using var probe = Tensor.Full([2], 1f, this);
            if (probe.ToArray<float>() is not [1f, 1f]) throw new LibTorchException($"{Name} does not compute: a probe came back wrong");
        }
        catch (LibTorchException error)
        {
            throw new LibTorchException($"libtorch {Version} at {LibraryPath} has no device {Device}: {error.Message}", error);
        }
    }

    /// <summary>Floats as whole numbers toward zero, within the range of an integer type; NaN as 0.</summary>
    private static Value Saturate(Work work, Value x, DType type)
    {
        var wide = x.AsFloat64();
        var number = wide.Equal(wide).Choose(wide, 0);
        if (type != DType.Int64)
        {
            var (least, most) = Range(type);
            return number.Maximum(least).Minimum(most);
        }

        const double Beyond = 9223372036854775808.0;
        var within = number.Maximum(-Beyond).Minimum(Beyond - 1024).As(DType.Int64);
        return number.AtLeast(Beyond).Choose(work.Constant(long.MaxValue, DType.Int64), within);
    }

    private static Value Between(Work work, Value x, DType type)
    {
        var (least, most) = Range(type);
        x = x.As(DType.Int64);
        return x.Maximum(work.Constant((long)least, DType.Int64)).Minimum(work.Constant((long)most, DType.Int64));
    }

    private static (double Least, double Most) Range(DType type) => type == DType.Int8 ? (sbyte.MinValue, sbyte.MaxValue) : (int.MinValue, int.MaxValue);

    private static long[] Sizes(Tensor tensor) => Array.ConvertAll(tensor.Shape.ToArray(), size => (long)size);
}
