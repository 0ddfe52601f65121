using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;

namespace Sightline.Tensors.Cpu;

/// <summary>
/// Managed C# kernels with SIMD (Vector512, 256, 128; the scalar code is the specification). Needs no native file.
/// Arithmetic is float32 unless a kernel says otherwise; results do not depend on the number of threads.
/// </summary>
public sealed partial class CpuEngine : Engine
{
    private CpuEngine()
        : base(NativePool.Shared.Meter)
    {
    }

    /// <summary>The only instance.</summary>
    public static CpuEngine Instance { get; } = new();

    /// <inheritdoc/>
    public override string Name => "cpu";

    /// <inheritdoc/>
    public override Tensor Allocate(Shape shape, DType type) => Own(NativePool.Shared.Rent(shape.Count * type.Size()), shape, type);

    /// <summary>A tensor over memory that something else provides (a mapped file); takes over the storage's reference. Where that memory is read-only, so is the tensor.</summary>
    /// <exception cref="ArgumentException">The processor does not see the memory.</exception>
    public Tensor Borrow(TensorStorage storage, Shape shape, DType type)
    {
        ArgumentNullException.ThrowIfNull(storage);
        return storage.HostAddress != 0 ? Own(storage, shape, type) : throw new ArgumentException("the processor does not see this memory", nameof(storage));
    }

    /// <inheritdoc/>
    public override unsafe void Clear(Tensor target) =>
        System.Runtime.InteropServices.NativeMemory.Clear(target.Data, (nuint)target.Bytes);

    /// <inheritdoc/>
    public override unsafe void Fill(Tensor target, float value)
    {
        switch (target.DType)
        {
            case DType.Float32: FillWith((float*)target.Data, target.Count, value); break;
            case DType.BFloat16: FillWith((BFloat16*)target.Data, target.Count, (BFloat16)value); break;
            case DType.Float16: FillWith((Half*)target.Data, target.Count, (Half)value); break;
            case DType.Int8: FillWith((sbyte*)target.Data, target.Count, (sbyte)value); break;
            case DType.Int32: FillWith((int*)target.Data, target.Count, (int)value); break;
            case DType.Int64: FillWith((long*)target.Data, target.Count, (long)value); break;
            case DType.Bool: FillWith((byte*)target.Data, target.Count, value != 0 ? (byte)1 : (byte)0); break;
            default: throw new ShapeException($"Fill: cannot fill {target}");
        }
    }

    /// <inheritdoc/>
    public override unsafe void Copy(Tensor source, Tensor target)
    {
        if (source.Bytes != target.Bytes || source.DType != target.DType)
            throw new ShapeException($"Copy: {source} does not fit {target}");
        Buffer.MemoryCopy(source.Data, target.Data, target.Bytes, source.Bytes);
    }

    /// <inheritdoc/>
    public override unsafe void Upload(ReadOnlySpan<byte> source, Tensor target, long offset = 0)
    {
        if (offset < 0 || source.Length > target.Bytes - offset) throw new ShapeException($"Upload: {source.Length} bytes at {offset} for {target}");
        source.CopyTo(new Span<byte>((byte*)target.Data + offset, source.Length));
    }

    /// <inheritdoc/>
    public override unsafe void Download(Tensor source, Span<byte> target, long offset = 0)
    {
        if (offset < 0 || offset > source.Bytes) throw new ShapeException($"Download: from byte {offset} of {source}");
        var length = (int)Math.Min(target.Length, source.Bytes - offset);
        new ReadOnlySpan<byte>((byte*)source.Data + offset, length).CopyTo(target);
    }

    /// <summary>Pieces of a loop over <paramref name="count"/> elements, of a size that does not depend on the thread count.</summary>
    internal static int PieceCount(long count, int pieceSize) => checked((int)((count + pieceSize - 1) / pieceSize));

    internal static void Parallel<T>(ref T pieces, int count)
        where T : struct, IPieces => ThreadTeam.Shared.Run(ref pieces, count);

    private static unsafe void FillWith<T>(T* target, long count, T value)
        where T : unmanaged
    {
        for (long done = 0; done < count;)
        {
            var length = (int)Math.Min(count - done, 1 << 20);
            new Span<T>(target + done, length).Fill(value);
            done += length;
        }
    }
}
