using Sightline.Tensors;

namespace Sightline.Generation;

/// <summary>
/// Prompts whose keys and values are in the cache, for prompts that begin like them. They give their pages up, the longest unused first, when
/// running sequences need them.
/// </summary>
internal sealed class PromptStore(KeyValuePages pages) : IDisposable
{
    private readonly List<StoredPrompt> _prompts = [];
    private long _clock;

    /// <summary>Pages that only stored prompts hold would be free after <see cref="MakeRoom"/>; pages held by others too are not counted out.</summary>
    public int Count => _prompts.Count;

    /// <summary>The stored prompt with the longest common beginning, and its length.</summary>
    public (StoredPrompt? Prompt, int Length) Find(ReadOnlySpan<ulong> keys)
    {
        StoredPrompt? best = null;
        var length = 0;
        foreach (var prompt in _prompts)
        {
            var common = keys.CommonPrefixLength(prompt.Keys);
            if (common > length) (best, length) = (prompt, common);
        }

        if (best is not null) best.LastUse = ++_clock;
        return (best, length);
    }

    /// <summary>Keeps a finished prompt: shares its pages and takes the state of its last token, [1, C].</summary>
    public void Add(ulong[] keys, IReadOnlyList<int> promptPages, Tensor lastState)
    {
        foreach (var page in promptPages) pages.Share(page);
        _prompts.Add(new StoredPrompt(keys, [.. promptPages], lastState) { LastUse = ++_clock });
    }

    /// <summary>Gives stored prompts up, except one, until enough pages are free. False: there are not enough.</summary>
    public bool MakeRoom(int needed, StoredPrompt? except)
    {
        while (pages.Free < needed)
        {
            StoredPrompt? oldest = null;
            foreach (var prompt in _prompts)
            {
                if (prompt != except && (oldest is null || prompt.LastUse < oldest.LastUse)) oldest = prompt;
            }

            if (oldest is null) return false;
            Drop(oldest);
        }

        return true;
    }

    public void Clear()
    {
        while (_prompts.Count > 0) Drop(_prompts[^1]);
    }

    public void Dispose() => Clear();

    private void Drop(StoredPrompt prompt)
    {
        _prompts.Remove(prompt);
        pages.Release(prompt.Pages);
        prompt.LastState.Dispose();
    }
}

/// <summary>A prompt whose keys and values are in the cache.</summary>
/// <param name="keys">Of its tokens.</param>
/// <param name="pages">Where they lie; the prompt begins at the first slot of the first page.</param>
/// <param name="lastState">State of the last token after the final norm, [1, C].</param>
internal sealed class StoredPrompt(ulong[] keys, List<int> pages, Tensor lastState)
{
    public ulong[] Keys => keys;

    public List<int> Pages => pages;

    public Tensor LastState => lastState;

    public long LastUse { get; set; }
}
