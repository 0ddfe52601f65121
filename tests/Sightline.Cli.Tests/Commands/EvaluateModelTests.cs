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
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var again = await CommandLineRun.Of("evaluate", "coco", "-g", data, "-d", tiny.At("dt.json"), "--bootstrap", "20", "--json", tiny.At("b.json"));
        Assert.Equal((0, ""), (again.ExitCode, again.Error));
        Assert.Equal(Stats("a.json"), Stats("b.json"));
        Assert.Equal(12, Stats("a.json").Length);
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
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("1 phrases with one box, 2 phrases in all", run.Out);
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(tiny.At("r.json")));
        Assert.Equal(2, json.RootElement.GetProperty("phrases").GetInt32());
        Assert.StartsWith("sightline evaluate referring", json.RootElement.GetProperty("command").GetString());
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
