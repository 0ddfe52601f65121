using System.Globalization;
using System.Text.Json;
using Sightline.Imaging;
using Sightline.Testing;
using Sightline.Training.Data;

namespace Sightline.Cli.Tests.Commands;

/// <summary>Visual-RFT's four tasks through the tool: problems made, checked and shown, and a model that speaks measured in both ways.</summary>
public sealed class VisualRftTests : IDisposable
{
    private static readonly string s_model = Fixtures.Path("models", "tiny-qwen2-vl");
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Problems_are_made_checked_and_shown()
    {
        var cells = Cells();
        var output = At("problems.jsonl");
        var run = await CommandLineRun.Of("data", "convert", cells, output, "--to", "problems", "--shots", "1", "--seed", "2", "--negatives", "0.5");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.EndsWith("problems.jsonl: 3 problems, 1 of them with nothing to find (problems)\n", run.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await CommandLineRun.Of("data", "lint", output)).ExitCode);
        var shown = await CommandLineRun.Of("data", "inspect", output, "--html", At("page.html"));
        Assert.Contains("3 problems", shown.Out, StringComparison.Ordinal);
        // problems go on to other forms, and back to boxes
        Assert.Equal(0, (await CommandLineRun.Of("data", "convert", output, At("rft.json"), "--to", "visualrft")).ExitCode);
        Assert.Equal(ProblemFormats.Read(output).Select(problem => problem.Solution), ProblemFormats.Read(At("rft.json")).Select(problem => problem.Solution));
        Assert.Equal(0, (await CommandLineRun.Of("data", "convert", output, At("coco.json"), "--to", "coco")).ExitCode);
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
        var output = At("p.json");
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("data", "convert", Cells(), At("x"), "--to", "lisa")).ExitCode);
        Assert.Equal((int)ErrorKind.BadData, (await CommandLineRun.Of("data", "convert", Cells(), output, "--to", "visualrft", "--prompt", "qwen/detection")).ExitCode);
        Assert.Equal((int)ErrorKind.BadData, (await CommandLineRun.Of("data", "convert", Cells(), output, "--to", "visualrft", "--shots", "100")).ExitCode);
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("data", "convert", Cells(), output, "--to", "visualrft", "--task", "phrase", "--prompt", "visual-rft/detection")).ExitCode);
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("evaluate", "detection", "-m", s_model, "-d", Cells(), "--runs", "3")).ExitCode);
        Assert.False(File.Exists(output));
    }

    [Theory]
    [InlineData("detection")]
    [InlineData("referring")]
    [InlineData("reasoning")]
    [InlineData("classification")]
    public async Task A_model_that_speaks_is_measured_in_both_ways(string task)
    {
        var data = task switch { "detection" => Cells(), "classification" => Folders(), "reasoning" => Lisa(), _ => Phrases() };
        string[] asked = task == "classification" ? ["--prompt", "qwen/classification"] : task == "referring" ? ["--prompt", "qwen2/phrase"] : [];
        string[] line = ["evaluate", task, "-m", s_model, "-d", data, "--protocol", "both", "--constrained", "--max-tokens", "300", "--max-pixels", "3136", "--bootstrap", "20", .. asked];
        var run = await CommandLineRun.Of([.. line, "--json", At("score.json")]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("published", run.Out, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(At("score.json")));
        var spoken = json.RootElement.GetProperty("spoken");
        var prompt = asked.Length > 0 ? asked[1] : $"visual-rft/{task}";
        Assert.Equal($"{prompt}@1", spoken.GetProperty("prompt").GetString());
        // every class of each of three pictures; two phrases or questions; four pictures
        Assert.Equal(task switch { "detection" => 6, "classification" => 4, _ => 2 }, spoken.GetProperty("asked").GetInt32());
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"note: {spoken.GetProperty("asked").GetInt32()} questions with the prompt"), run.Out, StringComparison.Ordinal);

        // runs that differ by their seed alone, and the paired test with the run before
        string[] against = ["--against", At("score.json")];
        if (task == "detection") against = [];
        var spread = await CommandLineRun.Of([.. line, "--temperature", "1", "--runs", "2", .. against, "--json", At("spread.json")]);
        Assert.Equal((0, ""), (spread.ExitCode, spread.Error));
        Assert.Contains("2 runs with the seeds 0 to 1", spread.Out, StringComparison.Ordinal);
        using var two = JsonDocument.Parse(await File.ReadAllBytesAsync(At("spread.json")));
        Assert.Equal(2, two.RootElement.GetProperty("runs").GetProperty("figures")[0].GetProperty("values").GetArrayLength());
        Assert.Equal(against.Length > 0, two.RootElement.TryGetProperty("against", out _));
    }

    [Fact]
    public async Task Masks_of_others_are_scored_without_a_model()
    {
        var masks = At("masks.jsonl");
        await File.WriteAllTextAsync(masks, """{"picture": "0.png", "question": "the thing on the left", "segmentation": [[0, 0, 20, 0, 20, 20, 0, 20]]}""");
        var run = await CommandLineRun.Of("evaluate", "reasoning", "-d", Lisa(), "--masks", masks, "--bootstrap", "0", "--json", At("score.json"));
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(At("score.json")));
        // the first is the true square of 20 x 20 itself, the second question has none
        Assert.Equal(["gIoU 0.5", "cIoU 0.5", "box IoU 0.5", "box accuracy at 0.5 0.5"], json.RootElement.GetProperty("official").GetProperty("figures").EnumerateArray().Select(figure => $"{figure.GetProperty("name").GetString()} {figure.GetProperty("value").GetDouble().ToString(CultureInfo.InvariantCulture)}"));
        await File.WriteAllTextAsync(masks, """{"picture": "7.png", "question": "x", "segmentation": []}""");
        Assert.Equal((int)ErrorKind.BadData, (await CommandLineRun.Of("evaluate", "reasoning", "-d", Lisa(), "--masks", masks)).ExitCode);
    }

    private string At(string name) => Path.Combine(_folder, name);

    private void Save(string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        var rgb = new byte[64 * 48 * 3];
        for (var p = 0; p < rgb.Length; p++) rgb[p] = (byte)((p * 3) ^ (p >> 5) ^ name[0]);
        new Picture(64, 48, rgb).Save(At(name));
    }

    private string Cells()
    {
        foreach (var name in (string[])["a.png", "b.png", "c.png"]) Save(name);
        return Written("cells.jsonl", """
            {"classes": ["cell", "star"]}
            {"picture": "a.png", "width": 64, "height": 48, "frame": "pixels", "objects": [{"label": "cell", "box": [4, 5, 34, 27]}]}
            {"picture": "b.png", "width": 64, "height": 48, "frame": "pixels", "objects": [{"label": "star", "box": [0, 0, 60, 40]}]}
            {"picture": "c.png", "width": 64, "height": 48, "frame": "pixels", "objects": [{"label": "cell", "box": [1, 1, 30, 30]}, {"label": "star", "box": [20, 20, 60, 40]}]}
            """);
    }

    private string Phrases()
    {
        Save("a.png");
        return Written("phrases.jsonl", """
            {"picture": "a.png", "width": 64, "height": 48, "phrase": "the left cell", "boxes": [[4, 5, 34, 27]], "frame": "pixels"}
            {"picture": "a.png", "width": 64, "height": 48, "phrase": "a dog", "boxes": [], "frame": "pixels"}
            """);
    }

    private string Lisa()
    {
        foreach (var (number, text) in new[] { (0, "the thing on the left"), (1, "what one drinks from") })
        {
            Save($"lisa/{number}.png");
            Written($"lisa/{number}.json", $$"""{"text": ["{{text}}"], "is_sentence": true, "shapes": [{"label": "target", "points": [[0, 0], [20, 0], [20, 20], [0, 20]]}]}""");
        }

        return At("lisa");
    }

    private string Folders()
    {
        foreach (var name in (string[])["flowers/daisy/1.png", "flowers/daisy/2.png", "flowers/rose/1.png", "flowers/rose/2.png"]) Save(name);
        return At("flowers");
    }

    private string Written(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }
}
