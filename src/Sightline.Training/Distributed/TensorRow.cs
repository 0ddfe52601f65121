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

    /// <summary>How much of a piece of <paramref name="room"/> bytes at <paramref name="start"/> there is.</summary>
    public int Length(long start, int room) => (int)Math.Clamp(Bytes - start, 0, room);

    public void Read(long start, Span<byte> into)
    {
        for (var done = 0; done < into.Length;)
        {
            var (tensor, offset, length) = At(start + done, into.Length - done);
            tensor.Engine.Download(tensor, into.Slice(done, length), offset);
            done += length;
        }
    }

    public void Write(long start, ReadOnlySpan<byte> from)
    {
        for (var done = 0; done < from.Length;)
        {
            var (tensor, offset, length) = At(start + done, from.Length - done);
            tensor.Engine.Upload(from.Slice(done, length), tensor, offset);
            done += length;
        }
    }

    private (Tensor Tensor, long Offset, int Length) At(long place, int most)
    {
        var t = Array.BinarySearch(_starts, place);
        if (t < 0) t = ~t - 1;
        while (_tensors[t].Bytes == 0 || place >= _starts[t] + _tensors[t].Bytes) t++; // empty tensors share their start with the next
        return (_tensors[t], place - _starts[t], (int)Math.Min(most, _starts[t] + _tensors[t].Bytes - place));
    }
}
