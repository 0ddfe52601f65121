using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

public sealed class QuantizeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-test-").FullName;
    private readonly string _model = Fixtures.Path("models", "tiny-qwen2-vl");
    private readonly string _reference = Fixtures.Path("qwen", "model_goldens", "tiny-qwen2-vl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_folder_is_written_reported_and_checked()
    {
        var (output, json) = (Path.Combine(_folder, "int4"), Path.Combine(_folder, "report.json"));
        var run = await CommandLineRun.Of(
            "quantize", _model, output, "--weights", "int4", "--budget", "6", "--calibrate", _reference, "--check", _reference, "--tokens", "4", "--float32", "--json", json);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("int8 (raised)", run.Out);
        Assert.Matches(@"matrices, 5\.\d\d bits a weight, \d+ raised by the budget; \d\.\d MB are now \d\.\d MB\.", run.Out);
        Assert.Matches(@"as quantized +\d\.\d+", run.Out);
        Assert.Matches(@"float32 activations +\d\.\d+", run.Out);
        using var document = JsonDocument.Parse(File.ReadAllText(json));
        Assert.Equal(2, document.RootElement.GetProperty("answers").GetArrayLength());
        Assert.True(document.RootElement.GetProperty("layers").EnumerateArray().All(layer => layer.GetProperty("output_error").GetDouble() >= 0));
        var verified = await CommandLineRun.Of("verify", "-m", output, "-r", _reference, "--case", "single_a", "--tolerance", "1e6", "--no-generate", "--json");
        Assert.Contains("text.layer.1", verified.Out);
    }

    [Fact]
    public async Task A_folder_that_is_there_is_left_alone()
    {
        var run = await CommandLineRun.Of("quantize", _model, _folder, "--weights", "int7");
        Assert.Contains("the weight format 'int7' is not known", run.Sentence);
        File.WriteAllText(Path.Combine(_folder, "mine"), "");
        run = await CommandLineRun.Of("quantize", _model, _folder);
        Assert.Equal((int)ErrorKind.CannotWrite, run.ExitCode);
        Assert.Contains("is there already", run.Sentence);
    }
}
