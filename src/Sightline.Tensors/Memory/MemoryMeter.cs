namespace Sightline.Tensors.Memory;

/// <summary>
/// Counts the bytes of an engine's tensors (and of its kernels' temporary memory) that are alive. Every <see cref="TensorStorage"/>
/// reports to one, so that the numbers mean the same for every engine. Safe to use from any thread.
/// </summary>
public sealed class MemoryMeter
{
    private long _liveBytes;
    private long _peakBytes;
    private int _liveBlocks;

    /// <summary>Bytes handed out and not yet given back.</summary>
    public long LiveBytes => Volatile.Read(ref _liveBytes);

    /// <summary>Storages handed out and not yet given back.</summary>
    public int LiveBlocks => Volatile.Read(ref _liveBlocks);

    /// <summary>The largest <see cref="LiveBytes"/> since <see cref="ResetPeak"/>.</summary>
    public long PeakBytes => Volatile.Read(ref _peakBytes);

    /// <summary>Starts a new measurement of <see cref="PeakBytes"/>.</summary>
    public void ResetPeak() => Interlocked.Exchange(ref _peakBytes, LiveBytes);

    internal void Add(long bytes)
    {
        Interlocked.Increment(ref _liveBlocks);
        var live = Interlocked.Add(ref _liveBytes, bytes);
        var peak = PeakBytes;
        while (live > peak)
        {
            var seen = Interlocked.CompareExchange(ref _peakBytes, live, peak);
            if (seen == peak) return;
            peak = seen;
        }
    }

    internal void Remove(long bytes)
    {
        Interlocked.Decrement(ref _liveBlocks);
        Interlocked.Add(ref _liveBytes, -bytes);
    }
}
