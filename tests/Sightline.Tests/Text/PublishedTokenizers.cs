using System.IO.Compression;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Text;

/// <summary>The committed tokenizers, unpacked once to a temporary folder in each of the forms in which models ship them.</summary>
public sealed class PublishedTokenizers : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("sightline-tokenizers-");

    public PublishedTokenizers()
    {
        Qwen2 = Tokenizer.Load(Unpack("qwen2", "one", "tokenizer.json.gz", "tokenizer_config.json"));
        Qwen2Folder = Unpack("qwen2", "separate", "vocab.json.gz", "merges.txt.gz", "tokenizer_config.json", "special_tokens_map.json");
        Qwen2Separate = Tokenizer.Load(Qwen2Folder);
        Clip = Tokenizer.Load(Unpack("clip", "one", "tokenizer.json.gz", "tokenizer_config.json"));
        ClipSeparate = Tokenizer.Load(Unpack("clip", "separate", "vocab.json.gz", "merges.txt.gz", "tokenizer_config.json"));
        Bert = Tokenizer.Load(Unpack("bert", "one", "tokenizer.json.gz", "tokenizer_config.json"));
    }

    public Tokenizer Qwen2 { get; }

    public string Qwen2Folder { get; }

    public Tokenizer Qwen2Separate { get; }

    public Tokenizer Clip { get; }

    public Tokenizer ClipSeparate { get; }

    public Tokenizer Bert { get; }

    public void Dispose() => _root.Delete(recursive: true);

    private string Unpack(string name, string form, params string[] files)
    {
        var folder = _root.CreateSubdirectory(Path.Combine(name, form)).FullName;
        foreach (var file in files)
        {
            using Stream packed = File.OpenRead(Fixtures.Path("tokenizers", name, file));
            var gzip = file.EndsWith(".gz", StringComparison.Ordinal);
            using var input = gzip ? new GZipStream(packed, CompressionMode.Decompress) : packed;
            using var output = File.Create(Path.Combine(folder, gzip ? file[..^3] : file));
            input.CopyTo(output);
        }

        return folder;
    }
}
