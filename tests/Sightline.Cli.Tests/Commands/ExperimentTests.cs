using System.Text.Json;
using Sightline.Imaging;

namespace Sightline.Cli.Tests.Commands;

/// <summary>A model of one's own, made and compared through the tool.</summary>
public sealed class ExperimentTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-experiment-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_new_model_is_tuned_in_both_ways()
    {
        var made = await CommandLineRun.Of("models", "create", At("model"), "--preset", "tiny", "--numbers", "100", "--words", "cup");
        Assert.Equal((0, ""), (made.ExitCode, made.Error));
        Assert.Contains("random weights", made.Out, StringComparison.Ordinal);
        var again = await CommandLineRun.Of("models", "create", At("model"));
        Assert.Equal((int)ErrorKind.Usage, again.ExitCode);
        const string Scenes = """ "scenes": { "maximum_objects": 1, "step": 100, "minimum_side": 64, "maximum_side": 64 """;
        File.WriteAllText(At("few.json"), $$"""
            {
              "name": "few", "model": { "checkpoint": {{JsonSerializer.Serialize(At("model"))}}, "minimum_pixels": 3136, "maximum_pixels": 3136 },
              "train": { "name": "pool", "count": 6, {{Scenes}} } }, "test": { "name": "test", "count": 4, {{Scenes}}, "seed": 9 } },
              "shots": [1, 2], "seeds": 2, "measurements": 1,
              "reinforcement": { "kind": "Reinforcement", "steps": 2, "prompts": 1, "group": 2, "batch": 2, "maximum_completion": 14, "rewards": [ { "name": "sightline/box_iou" } ] },
              "supervised": { "kind": "Supervised", "steps": 2, "prompts": 1, "batch": 1, "maximum_completion": 14, "rewards": [ { "name": "sightline/box_iou" } ] },
              "quick": ["shots=[1]"]
            }
            """);
        var run = await CommandLineRun.Of("experiment", At("few.json"), "--quick", "--output", At("out"));
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("4 of 4: 1 shots, seed 2, supervised: 0.000 to ", run.Error, StringComparison.Ordinal);
        Assert.Contains("mean sightline/box_iou on 4 test problems, 2 seeds; before tuning 0.000", run.Out, StringComparison.Ordinal);
        using var result = JsonDocument.Parse(File.ReadAllText(At("out", "result.json")));
        Assert.Equal((1, 4), (result.RootElement.GetProperty("rows").GetArrayLength(), result.RootElement.GetProperty("runs").GetArrayLength()));
        Assert.True(Picture.Load(At("out", "chart.png")).Width > 400);
        var wrong = await CommandLineRun.Of("experiment", At("few.json"), "--set", "shots=[9]");
        Assert.Equal((int)ErrorKind.BadData, wrong.ExitCode);
        Assert.Contains("9 were asked for", wrong.Error, StringComparison.Ordinal);
    }

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);
}
