using System.Runtime.InteropServices;

namespace Sightline.Tensors.Memory;

/// <summary>
/// Pooled native memory, 64-byte aligned, in size classes (four to each power of two, so at most a quarter is lost).
/// A block that is given back is kept for the next request of its class: in the steady state of a training run nothing
/// is taken from the operating system. Fresh and recycled blocks hold arbitrary bytes.
/// </summary>
public sealed unsafe class NativePool
{
    private const int Alignment = 64;
    private const int ClassCount = 256;
    private const long Unasked = 64L << 20; // taken between two questions to the system, which cost some 50 microseconds
    private readonly Lock _lock = new();
    private readonly Stack<NativeBlock>[] _free = new Stack<NativeBlock>[ClassCount];
    private long _reservedBytes;
    private long _sinceAsked;

    /// <summary>The pool of the CPU engine.</summary>
    public static NativePool Shared { get; } = new();

    /// <summary>Bytes handed out and not yet given back (rounded up to size classes).</summary>
    public long LiveBytes => Meter.LiveBytes;

    /// <summary>Blocks handed out and not yet given back.</summary>
    public int LiveBlocks => Meter.LiveBlocks;

    /// <summary>Bytes taken from the operating system: live ones and those kept for reuse.</summary>
    public long ReservedBytes => Interlocked.Read(ref _reservedBytes);

    /// <summary>The largest <see cref="LiveBytes"/> since <see cref="ResetPeak"/>.</summary>
    public long PeakBytes => Meter.PeakBytes;

    /// <summary>Starts a new measurement of <see cref="PeakBytes"/>.</summary>
    public void ResetPeak() => Meter.ResetPeak();

    /// <summary>What <see cref="LiveBytes"/> and its neighbours read.</summary>
    internal MemoryMeter Meter { get; } = new();

    /// <summary>Hands out a block of at least <paramref name="bytes"/> bytes with one reference on it.</summary>
    /// <exception cref="OutOfMemoryException">The operating system has no more; the message says how much was asked for.</exception>
    internal NativeBlock Rent(long bytes)
    {
        var (index, size) = ClassOf(Math.Max(bytes, Alignment));
        NativeBlock? block = null;
        lock (_lock)
        {
            if (_free[index] is { Count: > 0 } free) block = free.Pop();
        }

        if (block is null) return Reserve(size, index);
        block.Reuse();
        return block;
    }

    internal void Return(NativeBlock block)
    {
        lock (_lock)
        {
            (_free[block.ClassIndex] ??= new Stack<NativeBlock>()).Push(block);
        }
    }

    /// <summary>Gives every unused block back to the operating system.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            foreach (var free in _free)
            {
                while (free is { Count: > 0 })
                {
                    var block = free.Pop();
                    _reservedBytes -= block.Size;
                    NativeMemory.AlignedFree(block.Pointer);
                }
            }
        }
    }

    private NativeBlock Reserve(long size, int index)
    {
        void* pointer;
        RequireFree(size);
        try
        {
            pointer = NativeMemory.AlignedAlloc((nuint)size, Alignment);
        }
        catch (OutOfMemoryException)
        {
            Trim();
            try
            {
                pointer = NativeMemory.AlignedAlloc((nuint)size, Alignment);
            }
            catch (OutOfMemoryException)
            {
                throw new OutOfMemoryException($"no memory for a block of {size:N0} bytes; {LiveBytes:N0} bytes are in use");
            }
        }

        lock (_lock) _reservedBytes += size;
        return new NativeBlock(this, (nint)pointer, size, index);
    }

    /// <summary>The system gives addresses for memory that it may not have, and ends the process when they are used.</summary>
    private void RequireFree(long size)
    {
        if (Interlocked.Add(ref _sinceAsked, size) < Unasked) return;
        Interlocked.Exchange(ref _sinceAsked, 0);
        if (SystemMemory.AvailableBytes is not { } free || size <= free) return;
        Trim();
        if (SystemMemory.AvailableBytes is { } left && size > left)
            throw new OutOfMemoryException($"{SystemMemory.Gigabytes(size)} more are needed and {SystemMemory.Gigabytes(left)} are free; the work so far holds {SystemMemory.Gigabytes(LiveBytes)}");
    }

    /// <summary>Size class: for 2^k ≤ bytes, steps of 2^k / 4.</summary>
    private static (int Index, long Size) ClassOf(long bytes)
    {
        var power = 63 - System.Numerics.BitOperations.LeadingZeroCount((ulong)bytes);
        var step = 1L << Math.Max(power - 2, 6);
        var size = (bytes + step - 1) / step * step;
        var top = 63 - System.Numerics.BitOperations.LeadingZeroCount((ulong)size);
        var quarter = (int)((size - (1L << top)) >> Math.Max(top - 2, 0)) & 3;
        return ((top * 4) + quarter, size);
    }
}

/// <summary>One pooled block, which goes back to its pool.</summary>
internal sealed unsafe class NativeBlock(NativePool pool, nint pointer, long size, int classIndex) : TensorStorage(pool.Meter, size, pointer)
{
    public void* Pointer => (void*)HostAddress;

    public long Size => Bytes;

    public int ClassIndex => classIndex;

    /// <summary>Makes a block that came from the free list count as alive again.</summary>
    public void Reuse() => Revive();

    protected override void Free() => pool.Return(this);
}
