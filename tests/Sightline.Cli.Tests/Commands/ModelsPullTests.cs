using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

public sealed class ModelsPullTests : IDisposable
{
    private readonly DirectoryInfo _cache = Directory.CreateTempSubdirectory("sightline-pull-");
    private readonly LoopbackHub _hub = new("Owner/tiny", ("model.safetensors", [1, 2, 3, 4, 5, 6, 7, 8]), ("config.json", "{\"model_type\": \"qwen2_vl\"}"u8.ToArray()));

    public void Dispose()
    {
        _hub.Dispose();
        _cache.Delete(recursive: true);
    }

    [Fact]
    public async Task Pull_prints_the_folder_and_list_shows_it()
    {
        _hub.Faults.Enqueue(HubFault.Drop);
        var pull = await Pull("Owner/tiny");
        Assert.Equal(0, pull.ExitCode);
        var folder = pull.Out.TrimEnd('\n');
        Assert.True(File.Exists(Path.Combine(folder, "model.safetensors")));
        Assert.Contains("model.safetensors (0.0 of 0.0 MB are here)", pull.Error, StringComparison.Ordinal);

        var list = await CommandLineRun.Of("models", "list", "--cache", _cache.FullName, "--json");
        using var json = JsonDocument.Parse(list.Out);
        var entry = json.RootElement.EnumerateArray().Single(model => model.GetProperty("name").GetString() == "Owner/tiny");
        Assert.Equal((8 + 26, "qwen2_vl", folder), (entry.GetProperty("bytes").GetInt64(), entry.GetProperty("type").GetString(), entry.GetProperty("folder").GetString()));
    }

    [Fact]
    public async Task What_goes_wrong_is_a_sentence_with_its_code()
    {
        Assert.Equal((int)ErrorKind.Usage, (await Pull("tiny")).ExitCode);
        _hub.ListStatuses.Enqueue(401);
        var refused = await Pull("Owner/tiny");
        Assert.Equal((int)ErrorKind.Network, refused.ExitCode);
        Assert.Contains("HF_TOKEN", refused.Sentence, StringComparison.Ordinal);
        Assert.Contains("no Owner/other", (await Pull("Owner/other")).Sentence, StringComparison.Ordinal);
        Assert.Contains("--endpoint", (await CommandLineRun.Of("models", "pull", "Owner/tiny", "--endpoint", "ftp://x")).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_was_not_pulled_says_how_to_get_it()
    {
        var run = await CommandLineRun.Of("models", "info", "Nobody/has-this-model");
        Assert.Equal((int)ErrorKind.NotFound, run.ExitCode);
        Assert.Contains("sightline models pull Nobody/has-this-model", run.Sentence, StringComparison.Ordinal);
    }

    private Task<CommandLineRun> Pull(string name) => CommandLineRun.Of("models", "pull", name, "--cache", _cache.FullName, "--endpoint", _hub.Endpoint.ToString());
}
