namespace Sightline.Generation;

/// <summary>Encoded pictures, by contents: those that prompts being read still need, and a few more.</summary>
internal sealed class PictureStore(ILanguageModel model, int kept) : IDisposable
{
    private readonly Dictionary<ulong, Entry> _entries = [];
    private long _clock;

    /// <summary>The rows of a picture, encoded at the first call.</summary>
    /// <exception cref="OperationCanceledException">Cancelled while encoding.</exception>
    public PictureFeatures Get(ulong key, PicturePatches picture, CancellationToken cancellation)
    {
        if (!_entries.TryGetValue(key, out var entry))
        {
            entry = new Entry(model.Encode(picture, cancellation));
            _entries.Add(key, entry);
        }

        entry.LastUse = ++_clock;
        return entry.Features;
    }

    /// <summary>Drops what is beyond the number to keep, the longest unused first, except those in use.</summary>
    public void Trim(IReadOnlySet<ulong> inUse)
    {
        while (_entries.Count > kept)
        {
            var (oldest, use) = (0UL, long.MaxValue);
            foreach (var (key, entry) in _entries)
            {
                if (entry.LastUse < use && !inUse.Contains(key)) (oldest, use) = (key, entry.LastUse);
            }

            if (use == long.MaxValue) return;
            _entries.Remove(oldest, out var gone);
            gone!.Features.Dispose();
        }
    }

    public void Clear()
    {
        foreach (var entry in _entries.Values) entry.Features.Dispose();
        _entries.Clear();
    }

    public void Dispose() => Clear();

    private sealed class Entry(PictureFeatures features)
    {
        public PictureFeatures Features => features;

        public long LastUse { get; set; }
    }
}
