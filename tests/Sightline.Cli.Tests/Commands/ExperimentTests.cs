using System.Text.Json;
using System.Text.Json.Nodes;
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
        var made = await MakeModel();
        Assert.Contains("random weights", made.Out, StringComparison.Ordinal);
        var again = await CommandLineRun.Of("models", "create", At("model"));
        Assert.Equal((int)ErrorKind.Usage, again.ExitCode);
        var run = await CommandLineRun.Of("experiment", WriteRecipe(), "--quick", "--output", At("out"));
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("4 of 4: 1 shots, seed 2, supervised: 0.000 to ", run.Error, StringComparison.Ordinal);
        Assert.Contains("mean sightline/box_iou on 4 test problems, 2 seeds; before tuning 0.000", run.Out, StringComparison.Ordinal);
        using var result = JsonDocument.Parse(File.ReadAllText(At("out", "result.json")));
        Assert.Equal((1, 4), (result.RootElement.GetProperty("rows").GetArrayLength(), result.RootElement.GetProperty("runs").GetArrayLength()));
        Assert.True(Picture.Load(At("out", "chart.png")).Width > 400);
        var wrong = await CommandLineRun.Of("experiment", At("few.json"), "--set", "shots=[9]", "--output", At("nine"));
        Assert.Equal((int)ErrorKind.BadData, wrong.ExitCode);
        Assert.Contains("9 were asked for", wrong.Error, StringComparison.Ordinal);
    }

    /// <summary>Killed within a run, while a run's file is written, when it has just come into its place, and at the end; then Ctrl-C.</summary>
    [Fact]
    public async Task A_comparison_that_is_stopped_goes_on_to_the_same_table()
    {
        await MakeModel();
        string[] command = ["experiment", WriteRecipe(), "--quick", "--output", At("out")];
        foreach (var (point, kept) in new[] { ("Backward:1", 0), ("Written:1:reinforcement-1-shots-seed-1.json", 0), ("Moved:1:supervised-1-shots-seed-1.json", 2), ("Backward:2", 2) })
        {
            var killed = await ToolProcess.Run(point, command);
            Assert.True(killed.ExitCode == ToolProcess.Killed, $"{point}: exit code {killed.ExitCode}\n{killed.Error}");
            Assert.Equal(kept, Directory.GetFiles(At("out", "runs"), "*.json").Length);
        }

        using (var source = new CancellationTokenSource())
        {
            using var trigger = new EventTrigger("Moved:1:reinforcement-1-shots-seed-2.json", source.Cancel);
            var stopped = await CommandLineRun.Of(source.Token, command);
            Assert.Equal(ExitCode.Interrupted, stopped.ExitCode);
            Assert.Contains($"going on in {At("out")}: 2 of 4 runs are there\n", stopped.Error, StringComparison.Ordinal);
            Assert.Contains($"stopped; 3 of 4 runs are kept in {At("out")}. The same command goes on from there: ", stopped.Error, StringComparison.Ordinal);
        }

        Assert.Equal(ToolProcess.Killed, (await ToolProcess.Run("Written:1:result.json", command)).ExitCode);
        var end = await CommandLineRun.Of(command);
        var whole = await CommandLineRun.Of([.. command[..^1], At("whole")]);
        Assert.Equal((0, 0), (end.ExitCode, whole.ExitCode));
        Assert.Equal($"going on in {At("out")}: 4 of 4 runs are there\n", end.Error);
        Assert.Equal(Table(whole.Out), Table(end.Out));
        Assert.Equal(Figures(At("whole", "result.json")), Figures(At("out", "result.json")));
        Assert.Equal(await File.ReadAllBytesAsync(At("whole", "chart.png"), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(At("out", "chart.png"), TestContext.Current.CancellationToken));
        Assert.Empty(Directory.GetFiles(At("out"), "*.tmp", SearchOption.AllDirectories));

        var other = await CommandLineRun.Of([.. command, "--set", "seeds=3"]);
        Assert.Equal((int)ErrorKind.BadRecipe, other.ExitCode);
        Assert.Equal($"error: {At("out")} holds runs of another recipe: seeds is 2 there and 3 here. Choose another folder with --output, or delete this one to start again", other.Sentence);
    }

    private async Task<CommandLineRun> MakeModel()
    {
        var made = await CommandLineRun.Of("models", "create", At("model"), "--preset", "tiny", "--numbers", "100", "--words", "cup");
        Assert.Equal((0, ""), (made.ExitCode, made.Error));
        return made;
    }

    private string WriteRecipe()
    {
        const string Scenes = """ "scenes": { "maximum_objects": 1, "step": 100, "minimum_side": 64, "maximum_side": 64 """;
        File.WriteAllText(At("few.json"), $$"""
            {
              "name": "few", "model": { "checkpoint": {{JsonSerializer.Serialize(At("model"))}}, "minimum_pixels": 3136, "maximum_pixels": 3136 },
              "train": { "name": "pool", "count": 6, {{Scenes}} } }, "test": { "name": "test", "count": 4, {{Scenes}}, "seed": 9 } },
              "shots": [1, 2], "seeds": 2, "measurements": 1,
              "reinforcement": { "kind": "Reinforcement", "steps": 2, "prompts": 1, "group": 2, "batch": 2, "maximum_completion": 14, "idle": "Keep",
                "rewards": [ { "name": "sightline/box_iou" }, { "name": "test/letters", "assembly": {{JsonSerializer.Serialize(typeof(LettersReward).Assembly.Location)}} } ] },
              "supervised": { "kind": "Supervised", "steps": 2, "prompts": 1, "batch": 1, "maximum_completion": 14, "rewards": [ { "name": "sightline/box_iou" } ] },
              "quick": ["shots=[1]"]
            }
            """);
        return At("few.json");
    }

    /// <summary>What is printed before the times.</summary>
    private static string[] Table(string text) => [.. text.Split('\n').TakeWhile(line => !line.Contains("processor seconds", StringComparison.Ordinal))];

    /// <summary>All figures of a result that are no times.</summary>
    private static string Figures(string file)
    {
        var root = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        foreach (var key in new[] { "seconds", "command" }) root.Remove(key);
        foreach (var row in root["rows"]!.AsArray()) row!.AsObject().Where(entry => entry.Key.EndsWith("_seconds", StringComparison.Ordinal)).ToList().ForEach(entry => row.AsObject().Remove(entry.Key));
        foreach (var run in root["runs"]!.AsArray())
        {
            run!.AsObject().Remove("elapsed");
            foreach (var moment in run["curve"]!.AsArray()) moment!.AsObject().Remove("processor_seconds");
        }

        return root.ToJsonString();
    }

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);
}
