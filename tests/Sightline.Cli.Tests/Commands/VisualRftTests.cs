using System.Globalization;
using System.Text.Json;
using Sightline.Testing;
using Sightline.Training.Data;

namespace Sightline.Cli.Tests.Commands;

/// <summary>Visual-RFT's four tasks through the tool: problems made, checked and shown, and a model that speaks measured in both ways.</summary>
public sealed class VisualRftTests : IDisposable
{
    private static readonly string s_model = Fixtures.Path("models", "tiny-qwen2-vl");
    private readonly TinySets _sets = new();

    public void Dispose() => _sets.Dispose();

    [Fact]
    public async Task Problems_are_made_checked_and_shown()
    {
        var cells = _sets.Cells();
        var output = _sets.At("problems.jsonl");
        var run = await CommandLineRun.Of("data", "convert", cells, output, "--to", "problems", "--shots", "1", "--seed", "2", "--negatives", "0.5");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.EndsWith("problems.jsonl: 3 problems, 1 of them with nothing to find (problems)\n", run.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await CommandLineRun.Of("data", "lint", output)).ExitCode);
        var shown = await CommandLineRun.Of("data", "inspect", output, "--html", _sets.At("page.html"));
        Assert.Contains("3 problems", shown.Out, StringComparison.Ordinal);
        // problems go on to other forms, and back to boxes
        Assert.Equal(0, (await CommandLineRun.Of("data", "convert", output, _sets.At("rft.json"), "--to", "visualrft")).ExitCode);
        Assert.Equal(ProblemFormats.Read(output).Select(problem => problem.Solution), ProblemFormats.Read(_sets.At("rft.json")).Select(problem => problem.Solution));
        Assert.Equal(0, (await CommandLineRun.Of("data", "convert", output, _sets.At("coco.json"), "--to", "coco")).ExitCode);
        // the model's own coordinates: open without a model, written out with one
        var open = await CommandLineRun.Of("data", "convert", cells, output, "--to", "problems", "--prompt", "qwen/detection");
        Assert.Contains("left to the trainer", open.Error, StringComparison.Ordinal);
        var frames = await CommandLineRun.Of("data", "convert", cells, output, "--to", "problems", "--prompt", "qwen/detection", "--model", Fixtures.Path("models", "tiny-qwen2_5-vl"));
        Assert.Equal((0, ""), (frames.ExitCode, frames.Error));
        Assert.All(ProblemFormats.Read(output), problem => Assert.True(problem.Frame is { Width: > 20 } frame && frame.Width % 28 == 0));
    }

    [Fact]
    public async Task Wrong_requests_are_one_sentence()
    {
        var output = _sets.At("p.json");
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("data", "convert", _sets.Cells(), _sets.At("x"), "--to", "lisa")).ExitCode);
        Assert.Equal((int)ErrorKind.BadData, (await CommandLineRun.Of("data", "convert", _sets.Cells(), output, "--to", "visualrft", "--prompt", "qwen/detection")).ExitCode);
        Assert.Equal((int)ErrorKind.BadData, (await CommandLineRun.Of("data", "convert", _sets.Cells(), output, "--to", "visualrft", "--shots", "100")).ExitCode);
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("data", "convert", _sets.Cells(), output, "--to", "visualrft", "--task", "phrase", "--prompt", "visual-rft/detection")).ExitCode);
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("evaluate", "detection", "-m", s_model, "-d", _sets.Cells(), "--runs", "3")).ExitCode);
        Assert.False(File.Exists(output));
    }

    [Theory]
    [InlineData("detection")]
    [InlineData("referring")]
    [InlineData("reasoning")]
    [InlineData("classification")]
    public async Task A_model_that_speaks_is_measured_in_both_ways(string task)
    {
        var data = task switch { "detection" => _sets.Cells(), "classification" => _sets.Folders(), "reasoning" => _sets.Lisa(), _ => _sets.Phrases() };
        string[] asked = task == "classification" ? ["--prompt", "qwen/classification"] : task == "referring" ? ["--prompt", "qwen2/phrase"] : [];
        string[] line = ["evaluate", task, "-m", s_model, "-d", data, "--protocol", "both", "--constrained", "--max-tokens", "300", "--max-pixels", "3136", "--bootstrap", "20", .. asked];
        var run = await CommandLineRun.Of([.. line, "--json", _sets.At("score.json")]);
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        Assert.Contains("published", run.Out, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(_sets.At("score.json")));
        var spoken = json.RootElement.GetProperty("spoken");
        var prompt = asked.Length > 0 ? asked[1] : $"visual-rft/{task}";
        Assert.Equal($"{prompt}@1", spoken.GetProperty("prompt").GetString());
        // every class of each of three pictures; two phrases or questions; four pictures
        Assert.Equal(task switch { "detection" => 6, "classification" => 4, _ => 2 }, spoken.GetProperty("asked").GetInt32());
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"note: {spoken.GetProperty("asked").GetInt32()} questions with the prompt"), run.Out, StringComparison.Ordinal);

        // runs that differ by their seed alone, and the paired test with the run before
        string[] against = ["--against", _sets.At("score.json")];
        if (task == "detection") against = [];
        var spread = await CommandLineRun.Of([.. line, "--temperature", "1", "--runs", "2", .. against, "--json", _sets.At("spread.json")]);
        Assert.Equal((0, ""), (spread.ExitCode, spread.Warnings));
        Assert.Contains("2 runs with the seeds 0 to 1", spread.Out, StringComparison.Ordinal);
        using var two = JsonDocument.Parse(await File.ReadAllBytesAsync(_sets.At("spread.json")));
        Assert.Equal(2, two.RootElement.GetProperty("runs").GetProperty("figures")[0].GetProperty("values").GetArrayLength());
        Assert.Equal(against.Length > 0, two.RootElement.TryGetProperty("against", out _));
    }

    [Fact]
    public async Task Masks_of_others_are_scored_without_a_model()
    {
        var masks = _sets.At("masks.jsonl");
        await File.WriteAllTextAsync(masks, """{"picture": "0.png", "question": "the thing on the left", "segmentation": [[0, 0, 20, 0, 20, 20, 0, 20]]}""");
        var run = await CommandLineRun.Of("evaluate", "reasoning", "-d", _sets.Lisa(), "--masks", masks, "--bootstrap", "0", "--json", _sets.At("score.json"));
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(_sets.At("score.json")));
        // the first is the true square of 20 x 20 itself, the second question has none
        Assert.Equal(["gIoU 0.5", "cIoU 0.5", "box IoU 0.5", "box accuracy at 0.5 0.5"], json.RootElement.GetProperty("official").GetProperty("figures").EnumerateArray().Select(figure => $"{figure.GetProperty("name").GetString()} {figure.GetProperty("value").GetDouble().ToString(CultureInfo.InvariantCulture)}"));
        await File.WriteAllTextAsync(masks, """{"picture": "7.png", "question": "x", "segmentation": []}""");
        Assert.Equal((int)ErrorKind.BadData, (await CommandLineRun.Of("evaluate", "reasoning", "-d", _sets.Lisa(), "--masks", masks)).ExitCode);
    }
}
