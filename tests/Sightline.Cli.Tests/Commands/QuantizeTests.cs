using System.Diagnostics;
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
            "quantize", _model, output, "--weights", "int4", "--budget", "6", "--calibrate", _reference, "--check", _reference, "--tokens", "4", "--float32", "--each-layer", "--phrase", "cup", "--json", json);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("int8 (raised)", run.Out);
        Assert.Matches(@"matrices, 5\.\d\d bits a weight, \d+ raised by the budget; \d\.\d MB are now \d\.\d MB\.", run.Out);
        Assert.Matches(@"as quantized +\d\.\d+", run.Out);
        Assert.Matches(@"float32 activations +\d\.\d+", run.Out);
        Assert.Matches(@"boxes of \d answers: IoU [01]\.\d+ with the full model's", run.Out);
        using var document = JsonDocument.Parse(File.ReadAllText(json));
        Assert.Equal(2, document.RootElement.GetProperty("answers").GetArrayLength());
        Assert.True(document.RootElement.GetProperty("layers").EnumerateArray().All(layer => layer.GetProperty("output_error").GetDouble() >= 0));
        var layers = document.RootElement.GetProperty("layers").EnumerateArray().ToList();
        Assert.Equal(layers.Count(layer => layer.GetProperty("format").GetString() != "as-stored"), layers.Count(layer => layer.TryGetProperty("box_error", out var moved) && moved.GetDouble() is >= 0 and <= 1));
        Assert.Contains(layers, layer => layer.TryGetProperty("box_error", out var moved) && moved.GetDouble() > 0); // random weights at the edge between two numbers
        var verified = await CommandLineRun.Of("verify", "-m", output, "-r", _reference, "--case", "single_a", "--tolerance", "1e6", "--no-generate", "--json");
        Assert.Contains("text.layer.1", verified.Out);
    }

    [Fact]
    public async Task Ctrl_C_stops_at_once_and_leaves_nothing()
    {
        if (OperatingSystem.IsWindows()) return; // no signal can be sent to one process there
        var output = Path.Combine(_folder, "out");
        // 20,000 tokens are longer than anybody waits
        string[] tool = [Path.Combine(AppContext.BaseDirectory, "Sightline.Cli.dll"), "quantize", _model, output, "--check", _reference, "--tokens", "20000"];
        using var process = Process.Start(new ProcessStartInfo("dotnet", tool) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        while (await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line && !line.StartsWith("case", StringComparison.Ordinal))
        {
        }

        using (var kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        var rest = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        Assert.EndsWith("stopped\n", rest, StringComparison.Ordinal);
        Assert.Equal([output], Directory.GetFileSystemEntries(_folder)); // the folder itself was whole by then
    }

    [Theory]
    [InlineData("quantize")]
    [InlineData("verify")]
    public async Task Long_commands_can_be_cancelled(string command)
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        string[] arguments = command == "verify" ? ["verify", "-m", _model, "-r", _reference] : ["quantize", _model, Path.Combine(_folder, "out")];
        var run = await CommandLineRun.Of(cancelled.Token, arguments);
        Assert.Equal((ExitCode.Interrupted, "stopped"), (run.ExitCode, run.Sentence));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
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
