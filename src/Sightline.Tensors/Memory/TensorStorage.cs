namespace Sightline.Tensors.Memory;

/// <summary>
/// The memory below one or more tensors: an engine derives its own class from this, with whatever handle its memory has (a
/// pooled native block, a tensor object of a foreign library). Tensors that view the same memory share it by count; the last one
/// gives it back.
/// </summary>
public abstract class TensorStorage
{
    private readonly MemoryMeter _meter;
    private int _references = 1;

    /// <summary>New memory with one reference on it, which the first tensor takes over.</summary>
    /// <param name="meter">Where the bytes are counted: <see cref="Engine.Memory"/> of the engine.</param>
    /// <param name="bytes">Size as it is counted.</param>
    /// <param name="hostAddress">The first byte where the processor can read and write it at any time; 0 for memory of a device.</param>
    protected TensorStorage(MemoryMeter meter, long bytes, nint hostAddress = 0)
    {
        _meter = meter;
        Bytes = bytes;
        HostAddress = hostAddress;
        meter.Add(bytes);
    }

    /// <summary>Size as it is counted by <see cref="MemoryMeter"/>.</summary>
    public long Bytes { get; }

    /// <summary>The first byte in the processor's address space, or 0: then only the engine's copies reach it.</summary>
    public nint HostAddress { get; }

    /// <summary>How many tensors hold this memory.</summary>
    public int References => Volatile.Read(ref _references);

    internal void AddReference() => Interlocked.Increment(ref _references);

    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) != 0) return;
        _meter.Remove(Bytes);
        Free();
    }

    /// <summary>The last reference is gone: frees the memory or keeps it for reuse. Called once, on any thread.</summary>
    protected abstract void Free();

    /// <summary>Counts memory that was kept for reuse as handed out again, with one reference.</summary>
    protected void Revive()
    {
        _references = 1;
        _meter.Add(Bytes);
    }
}
