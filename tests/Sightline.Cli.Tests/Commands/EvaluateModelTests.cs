using System.Text.Json;
using Sightline.Imaging;

namespace Sightline.Cli.Tests.Commands;

public class EvaluateModelTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task Detections_that_are_saved_score_the_same_again()
    {
        var data = MakeSet();
        var run = await CommandLineRun.Of("evaluate", "detection", "-m", tiny.Model, "-d", data, "--bootstrap", "20", "--save-detections", tiny.At("dt.json"), "--json", tiny.At("a.json"), "--per-class");
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        var again = await CommandLineRun.Of("evaluate", "coco", "-g", data, "-d", tiny.At("dt.json"), "--bootstrap", "20", "--json", tiny.At("b.json"));
        Assert.Equal((0, ""), (again.ExitCode, again.Warnings));
        Assert.Equal(Stats("a.json"), Stats("b.json"));
        Assert.Equal(12, Stats("a.json").Length);
    }

    [Fact]
    public async Task The_worst_pictures_are_written()
    {
        var run = await CommandLineRun.Of("evaluate", "detection", "-m", tiny.Model, "-d", MakeSet(), "--bootstrap", "0", "--failures", tiny.At("worst"), "--worst", "2");
        Assert.Equal(0, run.ExitCode);
        Assert.InRange(Directory.GetFiles(tiny.At("worst"), "0?-*.jpg").Length, 1, 2);
    }

    [Fact]
    public async Task Referring_counts_phrases_and_presence()
    {
        var lines = tiny.At("phrases.jsonl");
        MakeSet();
        await File.WriteAllLinesAsync(lines,
        [
            "{\"picture\": \"set-0.png\", \"width\": 64, \"height\": 48, \"phrase\": \"the red cell\", \"boxes\": [[4, 5, 20, 30]], \"frame\": \"pixels\"}",
            "{\"picture\": \"set-0.png\", \"width\": 64, \"height\": 48, \"phrase\": \"a ring\", \"boxes\": [], \"frame\": \"pixels\"}",
        ]);
        var run = await CommandLineRun.Of("evaluate", "referring", "-m", tiny.Model, "-d", lines, "--bootstrap", "20", "--json", tiny.At("r.json"));
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        Assert.Contains("1 phrases with one box, 2 phrases in all", run.Out);
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(tiny.At("r.json")));
        Assert.Equal(2, json.RootElement.GetProperty("phrases").GetInt32());
        Assert.StartsWith("sightline evaluate referring", json.RootElement.GetProperty("command").GetString());
    }

    [Fact]
    public async Task A_run_is_compared_with_another_over_the_same_pictures()
    {
        var data = MakeSet();
        string[] detection = ["evaluate", "detection", "-m", tiny.Model, "-d", data, "--bootstrap", "20"];
        Assert.Equal(0, (await CommandLineRun.Of([.. detection, "--save-detections", tiny.At("first.json"), "--json", tiny.At("x.json")])).ExitCode);
        var run = await CommandLineRun.Of([.. detection, "--together", "1", "--against", tiny.At("first.json"), "--json", tiny.At("y.json")]);
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        Assert.Contains("classes asked one by one", run.Out, StringComparison.Ordinal);
        Assert.Contains(" p\n", run.Out, StringComparison.Ordinal);
        using (var json = JsonDocument.Parse(await File.ReadAllBytesAsync(tiny.At("y.json"))))
        {
            var figures = json.RootElement.GetProperty("against");
            Assert.Equal(12, figures.GetArrayLength());
            Assert.Equal(json.RootElement.GetProperty("stats")[0].GetDouble(), figures[0].GetProperty("a").GetDouble(), 1e-9);
            Assert.InRange(figures[0].GetProperty("p_value").GetDouble(), 0, 1);
        }

        string[] referring = ["evaluate", "referring", "-m", tiny.Model, "-d", data, "--expressions", "3", "--seed", "4", "--bootstrap", "20"];
        Assert.Equal(0, (await CommandLineRun.Of([.. referring, "--json", tiny.At("r1.json")])).ExitCode);
        run = await CommandLineRun.Of([.. referring, "--together", "3", "--against", tiny.At("r1.json"), "--json"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using (var json = JsonDocument.Parse(run.Out))
        {
            Assert.Equal(3, json.RootElement.GetProperty("phrases_together").GetInt32());
            Assert.Contains(json.RootElement.GetProperty("against").EnumerateArray(), figure => figure.GetProperty("name").GetString() == "accuracy at IoU 0.5");
        }

        var other = await CommandLineRun.Of("evaluate", "referring", "-m", tiny.Model, "-d", data, "--expressions", "2", "--seed", "5", "--against", tiny.At("r1.json"));
        Assert.Equal((int)ErrorKind.BadData, other.ExitCode);
        Assert.Contains("the two runs answered different phrases", other.Sentence);
    }

    [Theory]
    [InlineData("detection", "no.json", ErrorKind.NotFound)]
    [InlineData("detection", "set.json", ErrorKind.BadData)]
    [InlineData("referring", "no.json", ErrorKind.NotFound)]
    [InlineData("referring", "set.json", ErrorKind.BadData)]
    public async Task Another_run_that_cannot_be_read_is_named_before_the_model_runs(string command, string file, ErrorKind kind)
    {
        var run = await CommandLineRun.Of("evaluate", command, "-m", tiny.Model, "-d", MakeSet(), "--against", tiny.At(file));
        Assert.Equal((int)kind, run.ExitCode);
        Assert.Contains(file, run.Sentence);
    }

    [Fact]
    public async Task An_unknown_label_is_named()
    {
        var run = await CommandLineRun.Of("evaluate", "detection", "-m", tiny.Model, "-d", MakeSet(), "--incomplete-labels", "sell");
        Assert.Equal((int)ErrorKind.BadData, run.ExitCode);
        Assert.Contains("'sell' is given as incompletely labelled but is no class of", run.Sentence);
        await File.WriteAllTextAsync(tiny.At("names.json"), """{"sell": "cell"}""");
        run = await CommandLineRun.Of("evaluate", "detection", "-m", tiny.Model, "-d", MakeSet(), "--phrases", tiny.At("names.json"));
        Assert.Equal((int)ErrorKind.BadData, run.ExitCode);
        Assert.Contains("names 'sell', which is no class of", run.Sentence);
    }

    [Fact]
    public async Task A_set_without_phrases_says_how_to_get_some()
    {
        var run = await CommandLineRun.Of("evaluate", "referring", "-m", tiny.Model, "-d", MakeSet());
        Assert.Equal((int)ErrorKind.BadData, run.ExitCode);
        Assert.Contains("--expressions N", run.Sentence);
    }

    private string MakeSet()
    {
        for (var i = 0; i < 2; i++)
        {
            var rgb = new byte[64 * 48 * 3];
            for (var p = 0; p < rgb.Length; p++) rgb[p] = (byte)((p * (3 + i)) ^ (p >> 5));
            new Picture(64, 48, rgb).Save(tiny.At($"set-{i}.png"));
        }

        var path = tiny.At("set.json");
        File.WriteAllText(path, """
            {"images": [{"id": 4, "file_name": "set-0.png", "width": 64, "height": 48}, {"id": 9, "file_name": "set-1.png", "width": 64, "height": 48}],
             "annotations": [{"id": 1, "image_id": 4, "category_id": 1, "bbox": [4, 5, 30, 22], "area": 660, "iscrowd": 0}, {"id": 2, "image_id": 9, "category_id": 2, "bbox": [0, 0, 60, 40], "area": 2400, "iscrowd": 0}],
             "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "star"}]}
            """);
        return path;
    }

    private double[] Stats(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(tiny.At(file)));
        return [.. json.RootElement.GetProperty("stats").EnumerateArray().Select(value => Math.Round(value.GetDouble(), 9))];
    }
}
