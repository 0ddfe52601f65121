using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Sightline.Tensors.Tests.Golden;

/// <summary>Just enough of the safetensors format for trusted test data: 8 bytes header length, json header, raw little-endian values.</summary>
internal static class SafetensorsFile
{
    public static IReadOnlyDictionary<string, Entry> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var header = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        using var json = JsonDocument.Parse(bytes.AsMemory(8, header));
        var entries = new Dictionary<string, Entry>();
        foreach (var property in json.RootElement.EnumerateObject())
        {
            if (property.Name == "__metadata__") continue;
            var offsets = property.Value.GetProperty("data_offsets");
            var start = 8 + header + offsets[0].GetInt32();
            var end = 8 + header + offsets[1].GetInt32();
            var shape = property.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32()).ToArray();
            entries.Add(property.Name, new Entry(property.Value.GetProperty("dtype").GetString()!, shape, bytes[start..end]));
        }

        return entries;
    }

    /// <summary>One stored array.</summary>
    public sealed record Entry(string DType, int[] Shape, byte[] Bytes)
    {
        public float[] Floats() => DType == "F32"
            ? MemoryMarshal.Cast<byte, float>(Bytes).ToArray()
            : throw new InvalidOperationException($"{DType} is not F32");

        public Tensor ToTensor() => DType switch
        {
            "F32" => Tensor.From(MemoryMarshal.Cast<byte, float>(Bytes), new Shape(Shape)),
            "I64" => Tensor.From(MemoryMarshal.Cast<byte, long>(Bytes), new Shape(Shape)),
            "I32" => Tensor.From(MemoryMarshal.Cast<byte, int>(Bytes), new Shape(Shape)),
            "BOOL" => Tensor.From(MemoryMarshal.Cast<byte, bool>(Bytes), new Shape(Shape)),
            _ => throw new InvalidOperationException($"unexpected element type {DType}"),
        };
    }
}
