using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sightline.Tests.Imaging;

/// <summary>Reads the safetensors goldens: an 8-byte length, a JSON header, then the data.</summary>
internal sealed class GoldenTensors
{
    private readonly byte[] _file;
    private readonly int _dataStart;
    private readonly Dictionary<string, (int[] Shape, int Begin, int End)> _entries = [];

    public GoldenTensors(string path)
    {
        _file = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(_file);
        _dataStart = 8 + length;
        using var header = JsonDocument.Parse(_file.AsMemory(8, length));
        foreach (var entry in header.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__"))
        {
            var offsets = entry.Value.GetProperty("data_offsets");
            _entries[entry.Name] = ([.. entry.Value.GetProperty("shape").EnumerateArray().Select(v => v.GetInt32())], offsets[0].GetInt32(), offsets[1].GetInt32());
        }
    }

    public IEnumerable<string> Names => _entries.Keys;

    public bool Has(string name) => _entries.ContainsKey(name);

    public int[] Shape(string name) => _entries[name].Shape;

    public ReadOnlySpan<byte> Bytes(string name) => _file.AsSpan(_dataStart + _entries[name].Begin, _entries[name].End - _entries[name].Begin);

    public int[] Integers(string name) => MemoryMarshal.Cast<byte, int>(Bytes(name)).ToArray();

    public ReadOnlySpan<float> Floats(string name) => MemoryMarshal.Cast<byte, float>(Bytes(name));
}
