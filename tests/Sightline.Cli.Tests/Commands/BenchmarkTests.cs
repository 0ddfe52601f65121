using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

public sealed class BenchmarkTests(TinyModel tiny) : IClassFixture<TinyModel>, IDisposable
{
    private readonly TinyRecipe _recipe = new();

    public void Dispose() => _recipe.Dispose();

    [Fact]
    public async Task Inference_is_measured_from_memory_and_from_files()
    {
        await File.WriteAllTextAsync(tiny.At("phrases.json"), """{"photo.png": ["the red cell", "a star"]}""");
        var run = await CommandLineRun.Of("benchmark", "inference", "-m", tiny.Model, "--samples", tiny.Folder, "--seconds", "0.01", "--json", tiny.At("speed.json"));
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        Assert.Contains("picture in memory, 2 known phrases one by one", run.Out, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(await File.ReadAllBytesAsync(tiny.At("speed.json")));
        Assert.Equal(5, json.RootElement.GetProperty("inference").GetArrayLength());
        Assert.All(json.RootElement.GetProperty("inference").EnumerateArray(), row => Assert.True(row.GetProperty("per_second").GetDouble() >= row.GetProperty("per_second_mean").GetDouble() && row.GetProperty("per_second_mean").GetDouble() > 0));
        Assert.StartsWith("sightline benchmark inference", json.RootElement.GetProperty("command").GetString());
    }

    [Fact]
    public async Task Training_is_measured_against_its_sources_and_leaves_nothing_behind()
    {
        var before = Directory.GetDirectories(Path.GetTempPath(), "sightline-benchmark-*");
        var run = await CommandLineRun.Of("benchmark", "training", _recipe.Path, "--steps", "3", "--seconds", "0.01", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var json = JsonDocument.Parse(run.Out);
        Assert.Equal(["Contrastive", "Boxes"], json.RootElement.GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("kind").GetString()));
        Assert.All(json.RootElement.GetProperty("stages").EnumerateArray(), stage => Assert.True(stage.GetProperty("pictures_per_second").GetDouble() > 0));
        var source = Assert.Single(json.RootElement.GetProperty("sources").EnumerateArray());
        Assert.True(source.GetProperty("ratio").GetDouble() > 0);
        Assert.Equal(2, json.RootElement.GetProperty("scenes").GetArrayLength());
        Assert.Empty(Directory.GetDirectories(Path.GetTempPath(), "sightline-benchmark-*").Except(before));
        Assert.False(Directory.Exists("runs/tiny"));
    }

    [Fact]
    public async Task A_language_model_is_measured_part_by_part()
    {
        var run = await CommandLineRun.Of("benchmark", "language", "-m", Fixtures.Path("models", "tiny-qwen3-vl-bf16"), "--patches", "64", "--prompt", "9", "--tokens", "3", "--rounds", "1", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var json = JsonDocument.Parse(run.Out);
        var rows = json.RootElement.GetProperty("language").EnumerateArray().ToArray();
        Assert.Equal(["image", "prompt", "answer"], rows.Select(row => row.GetProperty("name").GetString()));
        Assert.All(rows, row => Assert.True(row.GetProperty("seconds").GetDouble() > 0 && row.GetProperty("managed_bytes").GetInt64() > 0));
        Assert.Equal([false, true, true], rows.Select(row => row.TryGetProperty("tokens_per_second", out _)));
        Assert.True(json.RootElement.GetProperty("peak_process_bytes").GetInt64() > json.RootElement.GetProperty("weight_bytes").GetInt64());
    }

    [Theory]
    [InlineData("--rank 4 --weights int8")]
    [InlineData("--rank 0 --freeze visual --recompute --batch 2")]
    public async Task A_step_of_reinforcement_is_measured_phase_by_phase(string options)
    {
        var run = await CommandLineRun.Of(["benchmark", "tuning", "-m", Fixtures.Path("models", "tiny-qwen2-vl"), "--group", "3", "--picture", "6", "--prompt", "5", "--tokens", "4", "--json", .. options.Split(' ')]);
        Assert.Equal((0, ""), (run.ExitCode, run.Warnings));
        using var json = JsonDocument.Parse(run.Out);
        var seconds = json.RootElement.GetProperty("seconds");
        Assert.All(new[] { "picture", "prompt", "tokens", "scoring", "reference", "forward", "backward", "update" }, phase => Assert.True(seconds.GetProperty(phase).GetDouble() > 0, phase));
        Assert.InRange(seconds.GetProperty("step").GetDouble(), seconds.GetProperty("sampling").GetDouble(), 60);
        Assert.Equal(0, json.RootElement.GetProperty("sampler_difference").GetDouble());
        Assert.True(json.RootElement.GetProperty("trained_numbers").GetInt64() > 0);
    }

    [Theory]
    [InlineData("benchmark tuning -m /no/model", ErrorKind.NotFound)]
    [InlineData("benchmark tuning -m /no/model --group 1", ErrorKind.Usage)]
    [InlineData("benchmark inference -m /no/model", ErrorKind.NotFound)]
    [InlineData("benchmark inference --samples /no/samples", ErrorKind.NotFound)]
    [InlineData("benchmark inference --seconds 0", ErrorKind.Usage)]
    [InlineData("benchmark training /no/recipe.json", ErrorKind.NotFound)]
    [InlineData("benchmark training --steps 1", ErrorKind.Usage)]
    [InlineData("benchmark language -m /no/model", ErrorKind.NotFound)]
    [InlineData("benchmark language -m /no/model --patches 100", ErrorKind.Usage)]
    [InlineData("benchmark", ErrorKind.Usage)]
    public async Task Bad_input_is_one_sentence(string line, ErrorKind kind)
    {
        var run = await CommandLineRun.Of(line.Split(' '));
        Assert.Equal((int)kind, run.ExitCode);
        Assert.StartsWith("error: ", run.Sentence);
    }
}
