using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using Sightline.Tensors;

namespace Sightline.Checkpoints;

/// <summary>
/// Collects tensors and writes them as one safetensors file. The same tensors and metadata always give the same bytes:
/// entries are ordered by element size (largest first, which keeps every element aligned) and then by name, as in the
/// reference implementation. Tensors are streamed; one that is made on demand lives only while it is written.
/// </summary>
public sealed class SafetensorsWriter
{
    private const int ChunkBytes = 1 << 20;
    private const int Alignment = 64; // a cache line
    private readonly HashSet<string> _aligned = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _metadata = new(StringComparer.Ordinal);

    /// <summary>Texts to store under <c>__metadata__</c>.</summary>
    public IDictionary<string, string> Metadata => _metadata;

    /// <summary>Adds a tensor, which must stay alive until <see cref="Save"/>.</summary>
    /// <param name="name">Its key.</param>
    /// <param name="tensor">The values.</param>
    /// <param name="type">The element type in the file; the tensor's own by default.</param>
    public void Add(string name, Tensor tensor, DType? type = null) => Add(name, type ?? tensor.DType, tensor.Shape, () => tensor, owns: false);

    /// <summary>Adds a tensor that is made when it is written, and then disposed.</summary>
    public void Add(string name, DType type, Shape shape, Func<Tensor> make) => Add(name, type, shape, make, owns: true);

    /// <summary>
    /// Adds a tensor that is made when it is written, and then disposed, at a multiple of 64 bytes of the file: such tensors come before all
    /// others, in the order of their names, and each must be a multiple of 64 bytes.
    /// </summary>
    /// <exception cref="ArgumentException">It is no multiple of 64 bytes, or the name is taken.</exception>
    public void AddAligned(string name, DType type, Shape shape, Func<Tensor> make)
    {
        if (shape.Count * type.Size() % Alignment != 0) throw new ArgumentException($"{name}: {type} {shape} is no multiple of {Alignment} bytes", nameof(shape));
        Add(name, type, shape, make, owns: true);
        _aligned.Add(name);
    }

    /// <summary>Adds raw little-endian elements, which may be of a type the engine does not have.</summary>
    /// <exception cref="ArgumentException">The bytes do not fit the shape, or the name is taken.</exception>
    public void Add(string name, SafetensorsType type, ReadOnlySpan<long> sizes, ReadOnlyMemory<byte> raw)
    {
        long count = 1;
        foreach (var size in sizes) count = checked(count * size);
        if (count * type.Size() != raw.Length) throw new ArgumentException($"{name}: {raw.Length} bytes for {count} elements of {type.FileName()}", nameof(raw));
        Add(new Entry(name, type, sizes.ToArray(), raw.Length, stream => stream.Write(raw.Span)));
    }

    /// <summary>Adds a tensor of another file as it lies there; the file must stay open until <see cref="Save"/>.</summary>
    internal void AddFrom(SafetensorsFile file, TensorInfo info) => Add(new Entry(info.Name, info.Type, [.. info.Sizes], info.Bytes, stream =>
    {
        for (long done = 0; done < info.Bytes; done += ChunkBytes) stream.Write(file.Raw(info, done, (int)Math.Min(ChunkBytes, info.Bytes - done)));
        file.Release(info);
    }));

    /// <summary>Writes everything to a temporary file and moves it into place.</summary>
    /// <exception cref="SightlineException">CannotWrite: the disk is full or the folder does not allow it; an older file is still whole.</exception>
    public void Save(string path)
    {
        var entries = _entries.Values.OrderByDescending(entry => _aligned.Contains(entry.Name)).ThenByDescending(entry => entry.Type.Size()).ThenBy(entry => entry.Name, StringComparer.Ordinal).ToArray();
        AtomicFile.Write(path, stream =>
        {
            WriteHeader(stream, entries);
            foreach (var entry in entries) entry.Write(stream);
        });
    }

    private void Add(string name, DType type, Shape shape, Func<Tensor> make, bool owns)
    {
        var fileType = SafetensorsTypes.FromDType(type);
        var sizes = Array.ConvertAll(shape.ToArray(), size => (long)size);
        Add(new Entry(name, fileType, sizes, shape.Count * type.Size(), stream =>
        {
            var tensor = make();
            try
            {
                if (tensor.Shape != shape) throw new ShapeException($"SafetensorsWriter: {name} was announced as {shape} and came as {tensor.Shape}");
                WriteTensor(stream, tensor, type);
            }
            finally
            {
                if (owns) tensor.Dispose();
            }
        }));
    }

    private void Add(Entry entry)
    {
        if (entry.Name == "__metadata__" || !_entries.TryAdd(entry.Name, entry))
            throw new ArgumentException($"SafetensorsWriter: the name {SafetensorsHeader.Quote(entry.Name)} is taken");
    }

    private void WriteHeader(Stream stream, Entry[] entries)
    {
        using var header = new MemoryStream();
        using (var json = new Utf8JsonWriter(header, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (_metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in _metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (var entry in entries)
            {
                json.WriteStartObject(entry.Name);
                json.WriteString("dtype", entry.Type.FileName());
                WriteNumbers(json, "shape", entry.Sizes);
                WriteNumbers(json, "data_offsets", [offset, offset + entry.Bytes]);
                json.WriteEndObject();
                offset += entry.Bytes;
            }

            json.WriteEndObject();
        }

        // spaces, so that the data is aligned
        while ((8 + header.Length) % (_aligned.Count > 0 ? Alignment : 8) != 0) header.WriteByte((byte)' ');
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
        stream.Write(prefix);
        header.WriteTo(stream);
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers) json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static void WriteTensor(Stream stream, Tensor tensor, DType type)
    {
        using var converted = tensor.DType == type ? null : Tensor.Empty(tensor.Shape, type, tensor.Engine);
        if (converted is not null) tensor.Engine.Cast(tensor, converted);
        var source = converted ?? tensor;
        var chunk = new byte[(int)Math.Min(ChunkBytes, source.Bytes)];
        for (long done = 0; done < source.Bytes; done += chunk.Length)
        {
            var length = (int)Math.Min(chunk.Length, source.Bytes - done);
            source.Engine.Download(source, chunk.AsSpan(0, length), done);
            stream.Write(chunk, 0, length);
        }
    }

    private sealed record Entry(string Name, SafetensorsType Type, long[] Sizes, long Bytes, Action<Stream> Write);
}
