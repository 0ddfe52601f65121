using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>The evaluations through the real command line, against the numbers of the official code.</summary>
public class EvaluateTests
{
    private const double Tolerance = 1e-6;

    public static TheoryData<string> CocoSets => [.. Sets("coco.json").Select(set => set.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(CocoSets))]
    public async Task Coco_writes_the_official_12_numbers(string name)
    {
        var expected = Sets("coco.json").Single(set => set.GetProperty("name").GetString() == name).GetProperty("results");
        foreach (var kind in expected.EnumerateObject())
        {
            string[] masks = kind.Name == "segm" ? ["--masks"] : [];
            var run = await CommandLineRun.Of(["evaluate", "coco", "-g", Data("coco", name, "gt"), "-d", Data("coco", name, "dt"), "--bootstrap", "0", .. masks, "--json"]);
            Assert.Equal((0, ""), (run.ExitCode, run.Error));
            using var result = JsonDocument.Parse(run.Out);
            var stats = Numbers(result.RootElement.GetProperty("stats"));
            var official = Numbers(kind.Value.GetProperty("stats"));
            Assert.Equal(12, stats.Length);
            for (var i = 0; i < 12; i++) Assert.Equal(official[i], stats[i], Tolerance);
        }
    }

    [Fact]
    public async Task Lvis_writes_the_official_numbers()
    {
        foreach (var set in Sets("lvis.json"))
        {
            var name = set.GetProperty("name").GetString()!;
            var run = await CommandLineRun.Of("evaluate", "lvis", "-g", Data("lvis", name, "gt"), "-d", Data("lvis", name, "dt"), "--bootstrap", "0", "--json");
            Assert.Equal((0, ""), (run.ExitCode, run.Error));
            using var result = JsonDocument.Parse(run.Out);
            Assert.Equal(set.GetProperty("results").GetProperty("AP").GetDouble(), Numbers(result.RootElement.GetProperty("stats"))[0], Tolerance);
        }
    }

    [Fact]
    public async Task A_file_with_intervals_says_where_it_comes_from()
    {
        var folder = Directory.CreateTempSubdirectory("sightline-").FullName;
        try
        {
            var output = Path.Combine(folder, "new folder", "score.json");
            string[] line = ["evaluate", "coco", "-g", Data("coco", "plain", "gt"), "-d", Data("coco", "plain", "dt"), "--bootstrap", "50", "--seed", "3", "--per-class", "--json", output];
            var run = await CommandLineRun.Of(line);
            Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
            Assert.Contains("95 % interval", run.Out);
            Assert.Contains("coco/bbox: 8 pictures, 17 annotations, 21 detections", run.Out);
            using var result = JsonDocument.Parse(await File.ReadAllBytesAsync(output));
            Assert.Equal(12, result.RootElement.GetProperty("intervals").GetArrayLength());
            Assert.Equal(3, result.RootElement.GetProperty("seed").GetInt32());
            Assert.StartsWith("sightline evaluate coco -g ", result.RootElement.GetProperty("command").GetString());
            Assert.EndsWith($"'{output}'", result.RootElement.GetProperty("command").GetString());
            Assert.NotEqual("", result.RootElement.GetProperty("commit").GetString());
            Assert.NotEqual("", result.RootElement.GetProperty("machine").GetString());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("coco", "many_categories_ties", 12)]
    [InlineData("lvis", "", 0)]
    public async Task Files_are_compared_with_other_files(string metric, string name, int figures)
    {
        if (metric == "lvis") name = Sets("lvis.json")[0].GetProperty("name").GetString()!;
        var run = await CommandLineRun.Of("evaluate", metric, "-g", Data(metric, name, "gt"), "-d", Data(metric, name, "dt"), "--against", Data(metric, name, "dt"), "--bootstrap", "20", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var result = JsonDocument.Parse(run.Out);
        var against = result.RootElement.GetProperty("against").EnumerateArray().ToList();
        Assert.True(against.Count >= Math.Max(figures, 1));
        Assert.All(against, figure => Assert.Equal((0.0, 1.0), (figure.GetProperty("difference").GetDouble(), figure.GetProperty("p_value").GetDouble())));
    }

    [Theory]
    [InlineData("evaluate coco -g no.json -d no.json", ErrorKind.NotFound)]
    [InlineData("evaluate coco -g no.json", ErrorKind.Usage)]
    [InlineData("evaluate coco -g a -d b --bootstrap -1", ErrorKind.Usage)]
    [InlineData("evaluate coco -g a -d b --level nan", ErrorKind.Usage)]
    [InlineData("evaluate coco -g a -d b --bootstrap many", ErrorKind.Usage)]
    public async Task Bad_input_is_one_sentence(string line, ErrorKind kind)
    {
        var run = await CommandLineRun.Of(line.Split(' '));
        Assert.Equal((int)kind, run.ExitCode);
        Assert.StartsWith("error: ", run.Sentence);
        Assert.Equal("", run.Out);
    }

    private static string Data(string folder, string name, string kind) => Fixtures.Path("evaluation", folder, $"{name}.{kind}.json");

    private static List<JsonElement> Sets(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("evaluation", file)));
        return [.. document.RootElement.GetProperty("sets").EnumerateArray().Select(set => set.Clone())];
    }

    private static double[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(each => each.GetDouble())];
}
