using System.Runtime.InteropServices;

namespace Sightline.Tensors.Tests.Reference;

/// <summary>
/// Every kernel of the seam in its plainest form: loops over float64, one rounding at the end. It is the specification that other
/// engines are held to, and the proof that an engine needs nothing but the public seam: its memory is out of the processor's sight
/// (<see cref="Tensor.IsOnHost"/> is false), so that any operation that looks past the engine fails on it.
/// </summary>
internal sealed partial class ReferenceEngine : Engine
{
    private ReferenceEngine()
    {
    }

    public static ReferenceEngine Instance { get; } = new();

    public override string Name => "reference";

    public override Tensor Allocate(Shape shape, DType type)
    {
        var bytes = new byte[checked((int)(shape.Count * type.Size()))];
        Array.Fill(bytes, (byte)0xEE); // contents are arbitrary: a kernel that forgets an element shows
        return Own(new ManagedStorage(Memory, bytes), shape, type);
    }

    public override void Clear(Tensor target) => Bytes(target).Clear();

    public override void Fill(Tensor target, float value)
    {
        var values = new double[target.Count];
        Array.Fill(values, value);
        Write(target, values);
    }

    public override void Copy(Tensor source, Tensor target) => Bytes(source).CopyTo(Bytes(target));

    public override void Upload(ReadOnlySpan<byte> source, Tensor target, long offset = 0)
    {
        if (offset < 0 || source.Length > target.Bytes - offset) throw new ShapeException($"Upload: {source.Length} bytes at {offset} for {target}");
        source.CopyTo(Bytes(target)[(int)offset..]);
    }

    public override void Download(Tensor source, Span<byte> target, long offset = 0)
    {
        var from = Bytes(source)[(int)offset..];
        from[..Math.Min(from.Length, target.Length)].CopyTo(target);
    }

    public override void Cast(Tensor source, Tensor target)
    {
        if (source.DType == target.DType) Copy(source, target);
        else Write(target, Read(source));
    }

    public override void Accumulate(Tensor source, Tensor target) => AddTo(target, Read(source), 1);

    /// <summary>The bytes of a tensor of this engine.</summary>
    private Span<byte> Bytes(Tensor tensor) => StorageOf<ManagedStorage>(tensor).Data.AsSpan((int)tensor.ByteOffset, (int)tensor.Bytes);

    private Span<long> Ids(Tensor tensor) => MemoryMarshal.Cast<byte, long>(Bytes(tensor));

    private double[] Read(Tensor tensor)
    {
        var bytes = Bytes(tensor);
        return tensor.DType switch
        {
            DType.Float32 => Widen<float>(bytes, value => value),
            DType.BFloat16 => Widen<BFloat16>(bytes, value => (float)value),
            DType.Float16 => Widen<Half>(bytes, value => (double)value),
            DType.Int8 => Widen<sbyte>(bytes, value => value),
            DType.Int32 => Widen<int>(bytes, value => value),
            DType.Int64 => Widen<long>(bytes, value => value),
            _ => Widen<byte>(bytes, value => value),
        };
    }

    private void Write(Tensor tensor, double[] values)
    {
        var bytes = Bytes(tensor);
        switch (tensor.DType)
        {
            case DType.Float32: Narrow(bytes, values, value => (float)value); break;
            case DType.BFloat16: Narrow(bytes, values, value => (BFloat16)(float)value); break;
            case DType.Float16: Narrow(bytes, values, value => (Half)(float)value); break;
            case DType.Int8: Narrow(bytes, values, sbyte.CreateSaturating); break;
            case DType.Int32: Narrow(bytes, values, int.CreateSaturating); break;
            case DType.Int64: Narrow(bytes, values, long.CreateSaturating); break;
            default: Narrow(bytes, values, value => value != 0 ? (byte)1 : (byte)0); break;
        }
    }

    /// <summary>target = beta target + values.</summary>
    private void AddTo(Tensor target, double[] values, float beta)
    {
        if (beta != 0)
        {
            var old = Read(target);
            for (var i = 0; i < values.Length; i++) values[i] += old[i];
        }

        Write(target, values);
    }

    private void WriteIf(Tensor? target, double[] values)
    {
        if (target is not null) Write(target, values);
    }

    private static double[] Widen<T>(ReadOnlySpan<byte> bytes, Func<T, double> widen)
        where T : unmanaged
    {
        var from = MemoryMarshal.Cast<byte, T>(bytes);
        var values = new double[from.Length];
        for (var i = 0; i < values.Length; i++) values[i] = widen(from[i]);
        return values;
    }

    private static void Narrow<T>(Span<byte> bytes, double[] values, Func<double, T> narrow)
        where T : unmanaged
    {
        var to = MemoryMarshal.Cast<byte, T>(bytes);
        for (var i = 0; i < values.Length; i++) to[i] = narrow(values[i]);
    }
}
