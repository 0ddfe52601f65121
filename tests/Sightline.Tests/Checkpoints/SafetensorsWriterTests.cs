using System.Buffers.Binary;
using System.Text;
using Sightline.Checkpoints;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Tests.Checkpoints;

[Collection(Alone.Name)]
public sealed class SafetensorsWriterTests : TensorTest
{
    [Fact]
    public void What_is_written_is_read_back_in_every_type()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Open();
        var values = Enumerable.Range(0, 3 * 700_000).Select(i => (float)Math.Sin(i)).ToArray();
        var source = Tensor.From(values, [3, 700_000]);
        var writer = new SafetensorsWriter { Metadata = { ["format"] = "pt", ["é\n\""] = "ü" } };
        foreach (var type in new[] { DType.Float32, DType.BFloat16, DType.Float16 }) writer.Add($"as {type}", source, type);
        writer.Add("ids", Tensor.From<long>([1, -2, long.MaxValue], [3]));
        writer.Add("empty", Tensor.Zeros([0, 5]));
        writer.Add("scalar", Tensor.Scalar(4));
        writer.Add("raw", SafetensorsType.I16, [2], new byte[] { 1, 0, 255, 255 });
        writer.Save(folder.File("a.safetensors"));

        using var file = SafetensorsFile.Open(folder.File("a.safetensors"));
        Assert.Equal("ü", file.Metadata["é\n\""]);
        Assert.Equal(values, file.Load("as Float32").ToArray<float>());
        Assert.Equal(Array.ConvertAll(values, value => (BFloat16)value), file.Load("as BFloat16").ToArray<BFloat16>());
        Assert.Equal(Array.ConvertAll(values, value => (Half)value), file.Load("as Float16").ToArray<Half>());
        Assert.Equal([1, -2, long.MaxValue], file.Load("ids").ToArray<long>());
        Assert.Equal(new Shape(0, 5), file.Load("empty").Shape);
        Assert.Equal(4, file.Load("scalar").Item());
        Assert.Equal([1, -1], file.Load("raw").ToArray<int>());
        Assert.Equal([1f, -1f], file.Load("raw", DType.Float32).ToArray<float>());
        Assert.All(file.Tensors.Values, info => Assert.Equal(0, info.Offset % info.Type.Size()));
    }

    [Fact]
    public void Rewriting_a_published_file_gives_the_same_bytes_in_any_order_of_adding()
    {
        using var folder = new TemporaryFolder();
        using var scope = TensorScope.Open();
        var path = Fixtures.Path("models", "vit", "model.safetensors");
        using var file = SafetensorsFile.Open(path);
        foreach (var backwards in new[] { false, true })
        {
            var writer = new SafetensorsWriter();
            foreach (var (key, value) in file.Metadata) writer.Metadata[key] = value;
            foreach (var name in backwards ? file.Tensors.Keys.Reverse() : file.Tensors.Keys)
            {
                var info = file[name];
                writer.Add(name, info.Type, info.Sizes.ToArray(), file.Raw(info).ToArray());
            }

            writer.Save(folder.File("copy.safetensors"));
            Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(folder.File("copy.safetensors")));
        }
    }

    [Fact]
    public void A_failure_on_the_way_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.safetensors");
        File.WriteAllText(path, "old");
        var writer = new SafetensorsWriter();
        writer.Add("t", DType.Float32, [2], () => throw new IOException("No space left on device"));
        var error = Assert.Throws<SightlineException>(() => writer.Save(path));
        Assert.Equal(ErrorKind.CannotWrite, error.Kind);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_full_disk_is_reported_as_such()
    {
        if (!File.Exists("/dev/full")) return; // only Linux has a disk that is always full
        var error = Assert.Throws<IOException>(() =>
        {
            using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write);
            full.Write(new byte[1 << 17]);
            full.Flush();
        });
        using var folder = new TemporaryFolder();
        var wrapped = Assert.Throws<SightlineException>(() => AtomicFile.Write(folder.File("x"), _ => throw error));
        Assert.Equal(ErrorKind.CannotWrite, wrapped.Kind);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_folder_that_is_a_file_cannot_be_written_to()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("file"), string.Empty);
        var writer = new SafetensorsWriter();
        Assert.Equal(ErrorKind.CannotWrite, Assert.Throws<SightlineException>(() => writer.Save(Path.Combine(folder.File("file"), "a.safetensors"))).Kind);
    }

    [Fact]
    public void Names_are_taken_once()
    {
        var writer = new SafetensorsWriter();
        using var tensor = Tensor.Scalar(1);
        writer.Add("a", tensor);
        Assert.Throws<ArgumentException>(() => writer.Add("a", tensor));
        Assert.Throws<ArgumentException>(() => writer.Add("__metadata__", tensor));
    }

    [Fact]
    public void An_empty_file_is_sound()
    {
        using var folder = new TemporaryFolder();
        new SafetensorsWriter().Save(folder.File("a.safetensors"));
        var bytes = File.ReadAllBytes(folder.File("a.safetensors"));
        Assert.Equal("{}      ", Encoding.UTF8.GetString(bytes.AsSpan(8)));
        Assert.Equal(8, BinaryPrimitives.ReadInt64LittleEndian(bytes));
        using var file = SafetensorsFile.Open(folder.File("a.safetensors"));
        Assert.Empty(file.Tensors);
    }
}
