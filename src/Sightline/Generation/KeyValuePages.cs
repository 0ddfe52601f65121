using Sightline.Tensors.Ops;

namespace Sightline.Generation;

/// <summary>
/// Who owns which slots of a <see cref="KeyValueCache"/>: slots are handed out in pages, which several sequences may share, counted by their
/// owners. Pages are as long as the blocks in which attention sums its keys, so that results do not depend on which pages a sequence got.
/// </summary>
internal sealed class KeyValuePages
{
    /// <summary>Tokens of a page.</summary>
    public const int Size = AttentionLayout.BlockKeys;

    private readonly int[] _owners;
    private readonly Stack<int> _free;

    public KeyValuePages(int pages)
    {
        _owners = new int[pages];
        _free = new Stack<int>(pages);
        for (var page = pages - 1; page >= 0; page--) _free.Push(page);
    }

    public int Count => _owners.Length;

    public int Free => _free.Count;

    /// <summary>Pages that hold this many tokens.</summary>
    public static int For(int tokens) => (tokens + Size - 1) / Size;

    /// <summary>A page with one owner. There must be a free one.</summary>
    public int Take()
    {
        var page = _free.Pop();
        _owners[page] = 1;
        return page;
    }

    public void Share(int page) => _owners[page]++;

    public void Release(List<int> pages)
    {
        foreach (var page in pages)
        {
            if (--_owners[page] == 0) _free.Push(page);
        }

        pages.Clear();
    }
}
