using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sightline.Testing;

/// <summary>
/// Reference tensors from a safetensors file, read in the plainest way: tests of the arithmetic do not depend on the
/// library's own reader.
/// </summary>
internal sealed class FixtureTensors
{
    private readonly Dictionary<string, (string Type, int[] Shape, byte[] Data)> _tensors = new(StringComparer.Ordinal);

    public FixtureTensors(params string[] parts)
    {
        var bytes = File.ReadAllBytes(Fixtures.Path(parts));
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var json = JsonDocument.Parse(bytes.AsMemory(8, header));
        foreach (var entry in json.RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__") continue;
            var offsets = entry.Value.GetProperty("data_offsets");
            var data = bytes.AsSpan((8 + header + offsets[0].GetInt32())..(8 + header + offsets[1].GetInt32())).ToArray();
            _tensors.Add(entry.Name, (entry.Value.GetProperty("dtype").GetString()!, [.. entry.Value.GetProperty("shape").EnumerateArray().Select(v => v.GetInt32())], data));
        }
    }

    public IEnumerable<string> Names => _tensors.Keys;

    public bool Contains(string name) => _tensors.ContainsKey(name);

    public int[] Shape(string name) => _tensors[name].Shape;

    /// <summary>F32 or F64 values, widened.</summary>
    public double[] Doubles(string name) => _tensors[name] switch
    {
        { Type: "F64", Data: var data } => MemoryMarshal.Cast<byte, double>(data).ToArray(),
        { Type: "F32", Data: var data } => [.. MemoryMarshal.Cast<byte, float>(data).ToArray().Select(v => (double)v)],
        var other => throw new InvalidDataException($"{name} is {other.Type}"),
    };

    public float[] Floats(string name) => _tensors[name] is { Type: "F32", Data: var data }
        ? MemoryMarshal.Cast<byte, float>(data).ToArray()
        : throw new InvalidDataException($"{name} is {_tensors[name].Type}");

    public long[] Longs(string name) => _tensors[name] is { Type: "I64", Data: var data }
        ? MemoryMarshal.Cast<byte, long>(data).ToArray()
        : throw new InvalidDataException($"{name} is {_tensors[name].Type}");

    public int[] Ints(string name) => _tensors[name] is { Type: "I32", Data: var data }
        ? MemoryMarshal.Cast<byte, int>(data).ToArray()
        : throw new InvalidDataException($"{name} is {_tensors[name].Type}");
}
