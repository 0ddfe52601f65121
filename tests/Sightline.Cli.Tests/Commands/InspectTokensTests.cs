using System.Text.Json;

namespace Sightline.Cli.Tests.Commands;

public sealed class InspectTokensTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-").FullName;

    public InspectTokensTests() =>
        File.WriteAllLines(Path.Combine(_folder, "vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cell", "##s", "white"]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Text_goes_to_ids_and_back()
    {
        var run = await CommandLineRun.Of("inspect", "tokens", "--model", _folder, "The cells");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var line = JsonDocument.Parse(run.Out);
        Assert.Equal([2, 5, 6, 7, 3], line.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal("the cells", line.RootElement.GetProperty("decoded_skip_special").GetString());
    }

    [Fact]
    public async Task Files_keep_order_and_ids_of_lines()
    {
        var input = Write("{\"id\": 7, \"text\": \"white\"}\n\n{\"id\": \"b\", \"ids\": [6, 7]}\n{\"text\": \"the\", \"pair\": \"cell\", \"max_length\": 8, \"padding\": \"max_length\"}\n");
        var output = Path.Combine(_folder, "out.jsonl");
        var run = await CommandLineRun.Of("inspect", "tokens", "-m", _folder, "--input", input, "--output", output);
        Assert.Equal((0, "", ""), (run.ExitCode, run.Warnings, run.Out));
        var lines = File.ReadAllLines(output);
        Assert.StartsWith("{\"id\":7,\"text\":\"white\",\"ids\":[2,8,3]", lines[0]);
        Assert.Equal("{\"id\":\"b\",\"ids\":[6,7],\"decoded\":\"cells\",\"decoded_skip_special\":\"cells\"}", lines[1]);
        Assert.Contains("\"ids\":[2,5,3,6,3,0,0,0]", lines[2]);
        Assert.Contains("\"token_type_ids\":[0,0,0,1,1,0,0,0]", lines[2]);
        Assert.Equal(3, lines.Length);
    }

    [Theory]
    [InlineData("{\"text\": 3}", "needs \"text\"")]
    [InlineData("[1]", "must be a JSON object")]
    [InlineData("{\"ids\": [1.5]}", "ids must be integers")]
    [InlineData("{\"ids\": [\"a\"]}", "ids must be integers")]
    [InlineData("{\"text\": \"a\", \"padding\": true}", "padding needs max_length")]
    [InlineData("{\"text\": \"\\ud800\"}", "half of a surrogate pair")]
    [InlineData("{\"text\": ", "damaged JSON")]
    public async Task A_bad_line_is_named_and_nothing_is_written(string line, string sentence)
    {
        var input = Write("{\"text\": \"the\"}\n" + line + "\n");
        var output = Path.Combine(_folder, "out.jsonl");
        var run = await CommandLineRun.Of("inspect", "tokens", "-m", _folder, "--input", input, "--output", output);
        Assert.Equal((int)ErrorKind.BadData, run.ExitCode);
        Assert.StartsWith($"error: {input} line 2: ", run.Sentence);
        Assert.Contains(sentence, run.Sentence);
        Assert.Empty(Directory.GetFiles(_folder, "out*"));
    }

    private string Write(string text)
    {
        var path = Path.Combine(_folder, "cases.jsonl");
        File.WriteAllText(path, text);
        return path;
    }
}
