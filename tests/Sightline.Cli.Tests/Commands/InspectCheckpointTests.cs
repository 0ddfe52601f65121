using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

public class InspectCheckpointTests
{
    [Fact]
    public async Task A_folder_is_listed_by_name_type_and_shape()
    {
        var run = await CommandLineRun.Of("inspect", "checkpoint", "--model", Fixtures.Path("models", "clip"));
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Matches(@"visual_projection\.weight +F32 +\[24, 32\] +3072", run.Out);
        Assert.Contains("94 tensors, 648,957 numbers, 2.6 MB", run.Out);
    }

    [Fact]
    public async Task Json_has_every_tensor_of_every_shard()
    {
        var run = await CommandLineRun.Of("inspect", "checkpoint", Fixtures.Path("models", "tiny-qwen2_5-vl-bf16-sharded"), "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        using var document = JsonDocument.Parse(run.Out);
        var tensors = document.RootElement.GetProperty("tensors").EnumerateArray().ToList();
        Assert.True(tensors.Select(tensor => tensor.GetProperty("file").GetString()).Distinct().Count() > 1);
        Assert.All(tensors, tensor => Assert.Equal("BF16", tensor.GetProperty("dtype").GetString()));
    }

    [Fact]
    public async Task What_is_no_checkpoint_says_so()
    {
        var run = await CommandLineRun.Of("inspect", "checkpoint", Fixtures.Path("evaluation", "coco.json"));
        Assert.Equal((int)ErrorKind.BadModel, run.ExitCode);
        Assert.Contains("coco.json", run.Sentence);
    }

    [Fact]
    public async Task Json_does_not_swallow_the_path()
    {
        var run = await CommandLineRun.Of("inspect", "checkpoint", "--json", Fixtures.Path("models", "clip"));
        Assert.Equal((int)ErrorKind.Usage, run.ExitCode);
        Assert.Contains("--json takes a file that ends in .json", run.Sentence);
    }
}
