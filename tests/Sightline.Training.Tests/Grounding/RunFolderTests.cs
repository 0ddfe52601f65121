using Sightline.Training.Grounding;
using Sightline.Training.Runs;

namespace Sightline.Training.Tests.Grounding;

public sealed class RunFolderTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("sightline-run-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void A_file_is_no_run_folder()
    {
        var file = Path.Combine(_path, "file");
        File.WriteAllText(file, "x");
        using var folder = new RunFolder(file);
        var error = Assert.Throws<SightlineException>(() => folder.Open(TinyRun.Recipe()));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains($"{file} is a file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Room_for_a_checkpoint_is_asked_for_before_the_first_step()
    {
        using var folder = new RunFolder(_path);
        folder.RequireRoom(1 << 20);
        Assert.Empty(Directory.GetFiles(_path, "*", SearchOption.AllDirectories));
        var error = Assert.Throws<SightlineException>(() => folder.RequireRoom(1L << 55));
        Assert.Equal(ErrorKind.CannotWrite, error.Kind);
        Assert.Contains("there is no room for a checkpoint of 34359738368 MiB", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_checkpoints_are_passed_over_and_named()
    {
        using var folder = new RunFolder(_path);
        var recipe = TinyRun.Recipe();
        using var trainer = new GroundingTrainer(recipe, folder);
        var files = new List<string>();
        using (var state = new StageState(recipe.Stages[0], 0, trainer.Model.Parameters.All))
        {
            for (state.Step = 1; state.Step <= 2; state.Step++) files.Add(folder.SaveCheckpoint(state));
        }

        Truncate(files[1]);
        Assert.Equal(1, folder.LatestCheckpoint()!.Step);
        Assert.Equal([files[1]], folder.DamagedCheckpoints);
        Truncate(files[0]);
        var error = Assert.Throws<SightlineException>(() => folder.LatestCheckpoint());
        Assert.Equal(ErrorKind.BadModel, error.Kind);
        Assert.Contains($"delete {files[0]} and {files[1]} to train from the start", error.Message, StringComparison.Ordinal);
    }

    private static void Truncate(string file)
    {
        using var stream = new FileStream(file, FileMode.Open);
        stream.SetLength(stream.Length / 2);
    }
}
