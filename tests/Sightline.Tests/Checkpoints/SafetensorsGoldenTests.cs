using System.Text.Json;
using Sightline.Checkpoints;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Tests.Checkpoints;

[Collection(Alone.Name)]
public sealed class SafetensorsGoldenTests : TensorTest
{
    public static TheoryData<string> Files()
    {
        using var golden = Golden();
        return [.. golden.RootElement.EnumerateObject().Select(file => file.Name)];
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_tensor_is_read_as_an_independent_reader_reads_it(string name)
    {
        using var golden = Golden();
        var expected = golden.RootElement.GetProperty(name);
        using var scope = TensorScope.Open();
        using var file = SafetensorsFile.Open(Fixtures.Path(name.Split('/')));
        Assert.Equal(expected.EnumerateObject().Select(tensor => tensor.Name).Order(StringComparer.Ordinal), file.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach (var tensor in expected.EnumerateObject())
        {
            var info = file[tensor.Name];
            Assert.Equal(tensor.Value.GetProperty("dtype").GetString(), info.Type.FileName());
            Assert.Equal(tensor.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), info.Sizes);
            Assert.Equal(tensor.Value.GetProperty("crc32").GetUInt32(), Crc32(file.Raw(info)));
            // F64 is narrowed to float32 on loading, so its sum is taken from the raw bytes
            var values = info.Type == SafetensorsType.F64
                ? System.Runtime.InteropServices.MemoryMarshal.Cast<byte, double>(file.Raw(info)).ToArray()
                : AsDoubles(file.Load(tensor.Name));
            double sum = 0;
            foreach (var value in values) sum += value;
            Assert.Equal(Number(tensor.Value, "sum"), sum);
            if (values.Length == 0) continue;
            Assert.Equal(Number(tensor.Value, "first"), values[0]);
            Assert.Equal(Number(tensor.Value, "last"), values[^1]);
        }
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void Conversion_on_loading_is_the_engines_cast(DType type)
    {
        using var scope = TensorScope.Open();
        foreach (var folder in new[] { "tiny-qwen2-vl", "tiny-qwen2_5-vl-bf16-sharded" })
        {
            using var checkpoint = Checkpoint.Open(Fixtures.Path("models", folder));
            const string Name = "model.layers.0.mlp.down_proj.weight";
            var loaded = checkpoint.Load(Name, type);
            var cast = Tensor.Empty(loaded.Shape, type);
            cast.Engine.Cast(checkpoint.Load(Name), cast);
            Assert.Equal(cast.AsSpan<byte>().ToArray(), loaded.AsSpan<byte>().ToArray());
        }
    }

    private static JsonDocument Golden() => JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("checkpoints", "values.json")));

    private static double Number(JsonElement tensor, string key) =>
        double.Parse(tensor.GetProperty(key).GetString()!, System.Globalization.CultureInfo.InvariantCulture);

    private static double[] AsDoubles(Tensor tensor) => tensor.DType switch
    {
        DType.Float32 => Array.ConvertAll(tensor.ToArray<float>(), value => (double)value),
        DType.BFloat16 => Array.ConvertAll(tensor.ToArray<BFloat16>(), value => (double)(float)value),
        DType.Int32 => Array.ConvertAll(tensor.ToArray<int>(), value => (double)value),
        DType.Int64 => Array.ConvertAll(tensor.ToArray<long>(), value => (double)value),
        DType.Bool => Array.ConvertAll(tensor.ToArray<bool>(), value => value ? 1.0 : 0.0),
        _ => throw new ArgumentException($"no golden of type {tensor.DType}"),
    };

    /// <summary>CRC-32 with the reflected polynomial 0xEDB88320, as zlib's.</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }

        return ~crc;
    }
}
