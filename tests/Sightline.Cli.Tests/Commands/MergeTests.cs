using Sightline.Checkpoints;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

public sealed class MergeTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sightline-merge-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("tiny-qwen2_5-vl-bf16-sharded")]
    [InlineData("tiny-qwen2_5-vl-bf16-nested-names")]
    public async Task A_merged_folder_has_the_files_of_its_model(string name)
    {
        var (model, adapter, output) = (Fixtures.Path("models", name), Path.Combine(_folder.FullName, "adapter"), Path.Combine(_folder.FullName, "merged"));
        using (var adapters = LoraAdapters.Create(new LoraOptions { Rank = 2 }, seed: 1))
        using (QwenVlModel.Load(model, adapters: adapters))
        {
            foreach (var layer in adapters.Layers) layer.Up.Value.Engine.Fill(layer.Up.Value, 0.5f);
            AdapterFolder.Save(adapter, adapters, name);
        }

        var run = await CommandLineRun.Of("merge", "--model", model, "--adapter", adapter, "--output", output);
        Assert.Equal((0, ""), (run.ExitCode, run.Out));
        Assert.Equal(Directory.GetFiles(model).Select(Path.GetFileName).Order(), Directory.GetFiles(output).Select(Path.GetFileName).Order());
        using var before = Checkpoint.Open(model);
        using var after = Checkpoint.Open(output);
        Assert.Equal(before.Names.Order(), after.Names.Order());
        var changed = before.Names.Where(tensor => !before.Raw(tensor).SequenceEqual(after.Raw(tensor))).ToList();
        Assert.Equal(14, changed.Count);
        Assert.All(changed, tensor => Assert.Contains("_proj.weight", tensor, StringComparison.Ordinal));
        Assert.DoesNotContain(changed, tensor => tensor.Contains("visual", StringComparison.Ordinal));
        using var loaded = QwenVlModel.Load(output);
    }

    [Fact]
    public async Task Mistakes_are_sentences_and_leave_nothing_behind()
    {
        var (model, adapter, output) = (Fixtures.Path("models", "tiny-qwen2_5-vl"), Fixtures.Path("qwen", "training", "tiny-qwen2-vl", "lora"), Path.Combine(_folder.FullName, "merged"));
        Assert.Equal((int)ErrorKind.BadModel, (await CommandLineRun.Of("merge", "--model", model, "--adapter", adapter, "--output", output)).ExitCode);
        Assert.False(Directory.Exists(output));
        Assert.Equal((int)ErrorKind.NotFound, (await CommandLineRun.Of("merge", "--model", model, "--adapter", model, "--output", output)).ExitCode);
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("merge", "--model", model, "--adapter", adapter, "--output", model)).ExitCode);
        Assert.Equal((int)ErrorKind.Usage, (await CommandLineRun.Of("merge", "--model", model)).ExitCode);

        // a name that other commands know is the folder here, too; and adapters alone are no model
        Assert.DoesNotContain("is not there", (await CommandLineRun.Of("merge", "--model", "nano", "--adapter", adapter, "--output", output)).Sentence, StringComparison.Ordinal);
        Assert.False(Directory.Exists(output));
        var ground = await CommandLineRun.Of("ground", Fixtures.Path("qwen", "model_goldens", "images", "a.png"), "a star", "--model", adapter);
        Assert.Equal((int)ErrorKind.BadModel, ground.ExitCode);
        Assert.Contains($"holds adapters and no model: add them to the model that they were trained on first: sightline merge --model MODEL --adapter {adapter}", ground.Sentence, StringComparison.Ordinal);
    }
}
