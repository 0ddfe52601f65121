using System.Numerics;
using System.Runtime.InteropServices;
using Sightline.Tensors;

namespace Sightline.Training.Distributed;

/// <summary>
/// Tensors through the memory of the host, in pieces. Gradients are exchanged and then added by their owner, piece of rank 0 first: MPI moves bytes and adds nothing, so sums
/// depend on the number of ranks and on nothing else (MPI may choose another order of a reduction by size, load or machine). It is a reduce-scatter: each rank sends and
/// receives every number about once.
/// </summary>
internal sealed class HostTransport(Communicator ranks, int pieceBytes = 1 << 20) : ITensorTransport
{
    private byte[] _send = [];
    private byte[] _receive = [];

    public void SumToOwners(IReadOnlyList<(Tensor Tensor, int Owner)> tensors)
    {
        // one element type after the other: a piece is added as numbers of one kind
        foreach (var type in tensors.Select(entry => entry.Tensor.DType).Distinct().Order().ToArray())
            SumToOwners(TensorRow.OfOwners(tensors.Where(entry => entry.Tensor.DType == type), ranks.Size), type);
    }

    public void CopyFromOwners(IReadOnlyList<(Tensor Tensor, int Owner)> tensors)
    {
        var rows = TensorRow.OfOwners(tensors, ranks.Size);
        var lengths = new int[ranks.Size];
        for (long start = 0; start < rows.Max(row => row.Bytes); start += pieceBytes)
        {
            for (var rank = 0; rank < lengths.Length; rank++) lengths[rank] = rows[rank].Length(start, pieceBytes);
            var own = Room(ref _send, lengths[ranks.Rank]);
            var all = Room(ref _receive, lengths.Sum());
            rows[ranks.Rank].Read(start, own);
            ranks.AllGather(own, all, lengths);
            for (int rank = 0, at = 0; rank < lengths.Length; at += lengths[rank++])
            {
                if (rank != ranks.Rank) rows[rank].Write(start, all.Slice(at, lengths[rank]));
            }
        }
    }

    private void SumToOwners(TensorRow[] rows, DType type)
    {
        var lengths = new int[ranks.Size];
        for (long start = 0; start < rows.Max(row => row.Bytes); start += pieceBytes)
        {
            for (var rank = 0; rank < lengths.Length; rank++) lengths[rank] = rows[rank].Length(start, pieceBytes);
            var own = lengths[ranks.Rank];
            var send = Room(ref _send, lengths.Sum());
            var receive = Room(ref _receive, own * ranks.Size);
            for (int rank = 0, at = 0; rank < lengths.Length; at += lengths[rank++]) rows[rank].Read(start, send.Slice(at, lengths[rank]));
            ranks.AllToAll(send, lengths, receive, [.. Enumerable.Repeat(own, ranks.Size)]);
            Add(receive, own, type);
            rows[ranks.Rank].Write(start, receive[..own]);
        }
    }

    /// <summary>Adds parts of <paramref name="length"/> bytes, one after the other, into the first; numbers of 16 bits in float32, rounded once at the end.</summary>
    private static void Add(Span<byte> parts, int length, DType type)
    {
        switch (type)
        {
            case DType.Float32:
                var sum = MemoryMarshal.Cast<byte, float>(parts[..length]);
                for (var at = length; at < parts.Length; at += length) Add(sum, MemoryMarshal.Cast<byte, float>(parts.Slice(at, length)));
                break;
            case DType.BFloat16:
                AddRounded<BFloat16>(parts, length, value => (float)value, value => (BFloat16)value);
                break;
            case DType.Float16:
                AddRounded<Half>(parts, length, value => (float)value, value => (Half)value);
                break;
            default:
                throw new ShapeException($"gradients of {type} cannot be added up");
        }
    }

    private static void Add(Span<float> sum, ReadOnlySpan<float> more)
    {
        var wide = MemoryMarshal.Cast<float, Vector<float>>(sum);
        var wideMore = MemoryMarshal.Cast<float, Vector<float>>(more);
        for (var i = 0; i < wide.Length; i++) wide[i] += wideMore[i];
        for (var i = wide.Length * Vector<float>.Count; i < sum.Length; i++) sum[i] += more[i];
    }

    private static void AddRounded<T>(Span<byte> parts, int length, Func<T, float> widen, Func<float, T> round)
        where T : unmanaged
    {
        var values = MemoryMarshal.Cast<byte, T>(parts);
        var count = MemoryMarshal.Cast<byte, T>(parts[..length]).Length;
        for (var i = 0; i < count; i++)
        {
            var sum = widen(values[i]);
            for (var at = i + count; at < values.Length; at += count) sum += widen(values[at]);
            values[i] = round(sum);
        }
    }

    private static Span<byte> Room(ref byte[] buffer, int length)
    {
        if (buffer.Length < length) buffer = new byte[length];
        return buffer.AsSpan(0, length);
    }
}
