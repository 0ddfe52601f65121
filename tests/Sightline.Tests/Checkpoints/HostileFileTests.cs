using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Checkpoints;
using Sightline.Tensors;
using Sightline.Testing;

namespace Sightline.Tests.Checkpoints;

[Collection(Alone.Name)]
public sealed class HostileFileTests : TensorTest
{
    private const string One = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    [Theory]
    [InlineData("""[]""", "not a JSON object")]
    [InlineData("""{"a":""", "not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x""", "not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}""", "outside")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", "outside")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "outside")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,8]}}""", "do not fit")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "do not fit")]
    [InlineData("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", "not known")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "needs dtype")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", "needs dtype")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":7,"data_offsets":[0,8]}}""", "not a list")]
    [InlineData("""{"a":7}""", "not an object")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "after its last tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "overlaps")]
    [InlineData("""{"__metadata__":{"k":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "not a text")]
    [InlineData("""{"__metadata__":7,"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "not an object")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "twice")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "Unicode")]
    public void A_false_header_is_refused_with_what_is_false(string header, string says)
    {
        using var folder = new TemporaryFolder();
        var error = Refusal(folder, File(header, data: 8));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(1000ul)]
    [InlineData(100_000_001ul)]
    [InlineData(ulong.MaxValue)]
    [InlineData((ulong)long.MaxValue)]
    public void A_false_header_length_is_refused(ulong length)
    {
        using var folder = new TemporaryFolder();
        var bytes = File(One, data: 8);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        Refusal(folder, bytes);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        using var folder = new TemporaryFolder();
        var bytes = File(One, data: 8);
        for (var length = 0; length < bytes.Length; length++) Refusal(folder, bytes[..length]);
    }

    [Fact]
    public void A_mutated_file_is_read_or_refused_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        var whole = System.IO.File.ReadAllBytes(Fixtures.Path("models", "vit", "model.safetensors"));
        var header = (int)BinaryPrimitives.ReadUInt64LittleEndian(whole);
        var mutations = Gen.Zip(Gen.Choose(0, header + 8), Gen.Choose(0, 255)).ListOf().Where(list => list.Count is > 0 and < 20).ToArbitrary();
        Prop.ForAll(mutations, list =>
        {
            var bytes = (byte[])whole.Clone();
            foreach (var (at, value) in list) bytes[at] = (byte)value;
            OpenOrRefuse(folder, bytes);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Arbitrary_bytes_are_read_or_refused_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes => OpenOrRefuse(folder, bytes)).QuickCheckThrowOnFailure();
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), text => OpenOrRefuse(folder, File(text ?? string.Empty, 8))).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_hostile_name_does_not_garble_the_message()
    {
        using var folder = new TemporaryFolder();
        var name = "\\u001b[31m" + new string('x', 10_000);
        var error = Refusal(folder, File($$$"""{"{{{name}}}":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8));
        Assert.DoesNotContain('\u001b', error.Message);
        Assert.True(error.Message.Length < 600);
    }

    [Fact]
    public void Types_without_arithmetic_are_raw_bytes_and_say_so()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("f8.safetensors");
        System.IO.File.WriteAllBytes(path, File("""{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}""", 8));
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(8, file.Raw(file["a"]).Length);
        Assert.Contains("F8_E4M3", Assert.Throws<SightlineException>(() => file.Load("a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_files_and_folders_say_so()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<SightlineException>(() => SafetensorsFile.Open(folder.File("none.safetensors"))).Kind);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<SightlineException>(() => HuggingFaceFolder.Open(folder.File("none"))).Kind);
        Assert.Equal(ErrorKind.BadModel, Assert.Throws<SightlineException>(() => HuggingFaceFolder.Open(folder.Path)).Kind);
        Assert.Equal(ErrorKind.BadModel, Assert.Throws<SightlineException>(() => Checkpoint.Open(folder.Path)).Kind);
        System.IO.File.WriteAllText(folder.File("config.json"), "{ nonsense");
        Assert.Contains("config.json", Assert.Throws<SightlineException>(() => HuggingFaceFolder.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../outside.safetensors"}}""")]
    [InlineData("""{"weight_map":{"a":"/etc/hostname"}}""")]
    [InlineData("""{"weight_map":{"a":".."}}""")]
    [InlineData("""{"weight_map":{"a":7}}""")]
    [InlineData("""{"weight_map":{"b":"one.safetensors"}}""")]
    [InlineData("""{"weight_map":[]}""")]
    [InlineData("""[]""")]
    public void A_false_index_is_refused(string index)
    {
        using var folder = new TemporaryFolder();
        System.IO.File.WriteAllBytes(folder.File("one.safetensors"), File(One, 8));
        System.IO.File.WriteAllText(folder.File("model.safetensors.index.json"), index);
        Assert.Equal(ErrorKind.BadModel, Assert.Throws<SightlineException>(() => Checkpoint.Open(folder.Path)).Kind);
    }

    private static byte[] File(string header, int data)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + text.Length + data];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, text.Length);
        text.CopyTo(bytes, 8);
        return bytes;
    }

    private static SightlineException Refusal(TemporaryFolder folder, byte[] bytes)
    {
        var path = folder.File("hostile.safetensors");
        System.IO.File.WriteAllBytes(path, bytes);
        var error = Assert.Throws<SightlineException>(() => SafetensorsFile.Open(path));
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        return error;
    }

    private static void OpenOrRefuse(TemporaryFolder folder, byte[] bytes)
    {
        var path = folder.File("mutant.safetensors");
        System.IO.File.WriteAllBytes(path, bytes);
        using var scope = TensorScope.Open();
        try
        {
            using var file = SafetensorsFile.Open(path);
            foreach (var name in file.Tensors.Keys) file.Load(name);
        }
        catch (SightlineException error)
        {
            Assert.Equal(ErrorKind.BadModel, error.Kind);
        }
    }
}
