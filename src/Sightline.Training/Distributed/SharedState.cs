using System.Buffers.Binary;
using Sightline.Checkpoints;
using Sightline.Tensors;

namespace Sightline.Training.Distributed;

/// <summary>
/// Lets rank 0 write tensors that lie at other ranks: it asks for one after the other as the file grows, so that it never holds more than one of them. The file is that
/// of one process.
/// </summary>
internal sealed class SharedState(Communicator ranks)
{
    private const int Piece = 1 << 22;

    /// <summary>Adds this rank's tensors and those of all others, and saves at rank 0. Returns when the file is there.</summary>
    /// <param name="own">What lies at this rank alone.</param>
    /// <param name="writer">Has everything else.</param>
    /// <param name="save">Writes the file.</param>
    public void Save(IReadOnlyList<(string Name, Tensor Value)> own, SafetensorsWriter writer, Action save)
    {
        foreach (var (name, value) in own) writer.Add(name, value);
        if (ranks.Size == 1)
        {
            save();
            return;
        }

        var lists = ranks.Gather(Describe(own)).Select(Read).ToArray();
        if (ranks.IsRoot)
        {
            for (var rank = 1; rank < lists.Length; rank++)
            {
                for (var i = 0; i < lists[rank].Count; i++)
                {
                    var (from, number, entry) = (rank, i, lists[rank][i]);
                    writer.Add(entry.Name, entry.Type, entry.Shape, () => Fetch(from, number, entry));
                }
            }

            save();
            Ask(-1, 0);
        }
        else
        {
            while (Ask(0, 0) is { Rank: >= 0 } wanted) Serve(wanted.Rank, lists[wanted.Rank][wanted.Number], wanted.Rank == ranks.Rank ? own[wanted.Number].Value : null);
        }

        ranks.Barrier();
    }

    /// <summary>What rank 0 wants next; a rank of -1 for nothing more.</summary>
    private (int Rank, int Number) Ask(int rank, int number)
    {
        Span<byte> question = stackalloc byte[2 * sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(question, rank);
        BinaryPrimitives.WriteInt32LittleEndian(question[sizeof(int)..], number);
        ranks.Broadcast(question, root: 0);
        return (BinaryPrimitives.ReadInt32LittleEndian(question), BinaryPrimitives.ReadInt32LittleEndian(question[sizeof(int)..]));
    }

    private Tensor Fetch(int rank, int number, Entry entry)
    {
        Ask(rank, number);
        var tensor = Tensor.Empty(entry.Shape, entry.Type);
        Serve(rank, entry, tensor);
        return tensor;
    }

    /// <summary>Takes part in sending a tensor from its rank: the rank reads it, rank 0 fills its own, the others let it pass.</summary>
    private void Serve(int rank, Entry entry, Tensor? tensor)
    {
        var row = tensor is null ? null : new TensorRow([tensor]);
        var bytes = entry.Shape.Count * entry.Type.Size();
        var piece = new byte[(int)Math.Min(Piece, bytes)];
        for (long done = 0; done < bytes; done += piece.Length)
        {
            var part = piece.AsSpan(0, (int)Math.Min(piece.Length, bytes - done));
            if (rank == ranks.Rank) row!.Read(done, part);
            ranks.Broadcast(part, rank);
            if (rank != ranks.Rank) row?.Write(done, part);
        }
    }

    private static byte[] Describe(IReadOnlyList<(string Name, Tensor Value)> own)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(own.Count);
        foreach (var (name, value) in own)
        {
            writer.Write(name);
            writer.Write((byte)value.DType);
            var sizes = value.Shape.ToArray();
            writer.Write(sizes.Length);
            foreach (var size in sizes) writer.Write(size);
        }

        return stream.ToArray();
    }

    private static List<Entry> Read(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        var entries = new List<Entry>();
        for (var left = reader.ReadInt32(); left > 0; left--)
        {
            var (name, type, sizes) = (reader.ReadString(), (DType)reader.ReadByte(), new int[reader.ReadInt32()]);
            for (var axis = 0; axis < sizes.Length; axis++) sizes[axis] = reader.ReadInt32();
            entries.Add(new Entry(name, type, new Shape(sizes)));
        }

        return entries;
    }

    private sealed record Entry(string Name, DType Type, Shape Shape);
}
