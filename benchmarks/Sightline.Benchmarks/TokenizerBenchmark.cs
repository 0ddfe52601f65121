using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Benchmarks;

/// <summary>
/// Tokenizers on one core, in MB of UTF-8 a second: with an empty word cache (first pass) and a warm one, on English and
/// code (this repository's own files), on mixed scripts (the fixtures' texts) and on words never seen twice.
/// </summary>
internal static class TokenizerBenchmark
{
    public static void Run()
    {
        var root = Directory.CreateTempSubdirectory("sightline-benchmark-");
        try
        {
            (string Name, string[] Files)[] tokenizers =
            [
                ("qwen2", ["tokenizer.json.gz", "tokenizer_config.json"]),
                ("clip", ["tokenizer.json.gz", "tokenizer_config.json"]),
                ("bert", ["vocab.txt", "tokenizer_config.json"]),
            ];
            (string Name, string Text)[] corpora = [("files", Sources()), ("scripts", Cases()), ("random", RandomWords())];
            Console.WriteLine("tokenizer corpus        MB   tokens   first MB/s   warm MB/s   warm bytes allocated");
            foreach (var (name, files) in tokenizers)
            {
                var folder = Unpack(root, name, files);
                Load(folder); // the first load compiles
                var loading = Stopwatch.StartNew();
                var tokenizer = Load(folder);
                loading.Stop();
                foreach (var (corpus, text) in corpora) Measure(folder, name, corpus, text);
                Console.WriteLine($"{name,-9} loads in {loading.Elapsed.TotalMilliseconds:F0} ms ({tokenizer.VocabularySize} tokens)");
            }
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    private static Tokenizer Load(string folder) => Tokenizer.Load(folder);

    private static void Measure(string folder, string name, string corpus, string text)
    {
        var tokenizer = Load(folder);
        var ids = new List<int>(text.Length);
        var megabytes = Encoding.UTF8.GetByteCount(text) / 1e6;
        var first = Pass(tokenizer, text, ids);
        double warm = double.MaxValue;
        long allocated = 0;
        for (var i = 0; i < 5; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            warm = Math.Min(warm, Pass(tokenizer, text, ids));
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Console.WriteLine($"{name,-9} {corpus,-8} {megabytes,7:F2} {ids.Count,8} {megabytes / first,12:F1} {megabytes / warm,11:F1} {allocated,12}");
    }

    private static double Pass(Tokenizer tokenizer, string text, List<int> ids)
    {
        ids.Clear();
        var start = Stopwatch.GetTimestamp();
        foreach (var line in text.AsSpan().EnumerateLines()) tokenizer.Encode(line, ids);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static string Sources()
    {
        var files = Directory.EnumerateFiles(Fixtures.Root, "*.cs", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Fixtures.Root, "*.md", SearchOption.AllDirectories))
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}")).Order(StringComparer.Ordinal);
        return string.Join('\n', files.Select(File.ReadAllText));
    }

    private static string Cases()
    {
        var text = new StringBuilder();
        foreach (var line in File.ReadLines(Fixtures.Path("tokenizers", "qwen2", "tokenizer_cases.jsonl")))
        {
            using var row = JsonDocument.Parse(line);
            text.Append(row.RootElement.GetProperty("text").GetString()).Append('\n');
        }

        return string.Concat(Enumerable.Repeat(text.ToString(), 20));
    }

    // No two words alike, so that the cache is of no use: what the merging itself can do.
    private static string RandomWords()
    {
        var random = new Sightline.Tensors.RandomStream(1);
        var text = new StringBuilder();
        for (var i = 0; i < 200_000; i++)
        {
            for (var length = 4 + random.NextInt(9); length > 0; length--) text.Append((char)('a' + random.NextInt(26)));
            text.Append(i % 12 == 11 ? '\n' : ' ');
        }

        return text.ToString();
    }

    private static string Unpack(DirectoryInfo root, string name, string[] files)
    {
        var folder = root.CreateSubdirectory(name).FullName;
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
