using Sightline.Imaging;

namespace Sightline.Training.Grounding;

/// <summary>
/// Decoded pictures that are kept, up to a number of bytes for all sources of a run together. What came first stays: epochs visit every
/// picture once, in another order each time, and then the least recently used one is as likely to be next as any other. Thread-safe.
/// </summary>
public sealed class PictureMemory
{
    private readonly long _limit;
    private long _bytes;

    /// <summary>Room for so many bytes of pixels.</summary>
    public PictureMemory(long limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(limit);
        _limit = limit;
    }

    /// <summary>Bytes of the pictures that are kept.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>The room, in bytes.</summary>
    public long Limit => _limit;

    /// <summary>Keeps a picture in a slot if it is empty and there is room. Two threads may offer the same picture: one of them stays.</summary>
    internal void Offer(ref Picture? slot, Picture picture)
    {
        if (Interlocked.Add(ref _bytes, picture.Pixels.Length) > _limit || Interlocked.CompareExchange(ref slot, picture, null) is not null)
            Interlocked.Add(ref _bytes, -picture.Pixels.Length);
    }
}
