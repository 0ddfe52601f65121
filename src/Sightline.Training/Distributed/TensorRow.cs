using Sightline.Tensors;

namespace Sightline.Training.Distributed;

/// <summary>The bytes of several tensors, one after the other, on any engine.</summary>
internal sealed class TensorRow
{
    private readonly IReadOnlyList<Tensor> _tensors;
    private readonly long[] _starts;

    public TensorRow(IReadOnlyList<Tensor> tensors)
    {
        _tensors = tensors;
        _starts = new long[tensors.Count];
        for (var t = 0; t < tensors.Count; t++)
        {
            _starts[t] = Bytes;
            Bytes += tensors[t].Bytes;
        }
    }

    public long Bytes { get; }

    /// <summary>One row for each owner, of what it owns; wide elements first, so that a piece of even length ends between two elements, whatever lies together: devices copy whole ones.</summary>
    public static TensorRow[] OfOwners(IEnumerable<(Tensor Tensor, int Owner)> tensors, int owners)
    {
        var byOwner = tensors.ToLookup(entry => entry.Owner, entry => entry.Tensor);
        return [.. Enumerable.Range(0, owners).Select(owner => new TensorRow([.. byOwner[owner].OrderByDescending(tensor => tensor.DType.Size())]))];
    }

    /// <summary>How much of a piece of <paramref name="room"/> bytes at <paramref name="start"/> there is.</summary>
    public int Length(long start, int room) => (int)Math.Clamp(Bytes - start, 0, room);

    /// <summary>The tensors of a piece in their order: from which byte of each, at which byte of the piece, and how many.</summary>
    public IEnumerable<(Tensor Tensor, long Offset, int At, int Length)> Parts(long start, int length)
    {
        for (var done = 0; done < length;)
        {
            var (tensor, offset, part) = At(start + done, length - done);
            yield return (tensor, offset, done, part);
            done += part;
        }
    }

    public void Read(long start, Span<byte> into)
    {
        foreach (var (tensor, offset, at, length) in Parts(start, into.Length)) tensor.Engine.Download(tensor, into.Slice(at, length), offset);
    }

    public void Write(long start, ReadOnlySpan<byte> from)
    {
        foreach (var (tensor, offset, at, length) in Parts(start, from.Length)) tensor.Engine.Upload(from.Slice(at, length), tensor, offset);
    }

    private (Tensor Tensor, long Offset, int Length) At(long place, int most)
    {
        var t = Array.BinarySearch(_starts, place);
        if (t < 0) t = ~t - 1;
        while (_tensors[t].Bytes == 0 || place >= _starts[t] + _tensors[t].Bytes) t++; // empty tensors share their start with the next
        return (_tensors[t], place - _starts[t], (int)Math.Min(most, _starts[t] + _tensors[t].Bytes - place));
    }
}
