using System.Globalization;
using Sightline.Checkpoints;

namespace Sightline.Training.Grounding;

/// <summary>
/// The folder of a run: <c>checkpoints/</c> (the last two, each one file moved into place whole), <c>model/</c> at the end, and what
/// observers write.
/// </summary>
public sealed class RunFolder
{
    private const int Kept = 2;

    /// <summary>Makes the folder where it is missing.</summary>
    public RunFolder(string path)
    {
        Path = path;
        try
        {
            Directory.CreateDirectory(CheckpointFolder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{path}: the run folder cannot be made: {error.Message}", error);
        }
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Where the trained model goes.</summary>
    public string ModelFolder => System.IO.Path.Combine(Path, "model");

    private string CheckpointFolder => System.IO.Path.Combine(Path, "checkpoints");

    /// <summary>Saves the state of a stage; the file is whole or not there. Older ones but the last are deleted. Returns its path.</summary>
    public string SaveCheckpoint(StageState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var writer = new SafetensorsWriter();
        writer.Metadata["stage"] = state.Index.ToString(CultureInfo.InvariantCulture);
        writer.Metadata["step"] = state.Step.ToString(CultureInfo.InvariantCulture);
        writer.Metadata["optimizer_steps"] = state.Optimizer.Steps.ToString(CultureInfo.InvariantCulture);
        foreach (var (name, value) in state.Tensors()) writer.Add(name, value);
        var path = System.IO.Path.Combine(CheckpointFolder, $"stage{state.Index:00}-step{state.Step:0000000}.safetensors");
        writer.Save(path);
        foreach (var old in Files().SkipLast(Kept)) File.Delete(old);
        return path;
    }

    /// <summary>The newest checkpoint, or null for a fresh run.</summary>
    public RunCheckpoint? LatestCheckpoint() => Files().LastOrDefault() is { } file ? new RunCheckpoint(file) : null;

    private string[] Files()
    {
        var files = Directory.GetFiles(CheckpointFolder, "stage*.safetensors");
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }
}

/// <summary>A saved state on disk.</summary>
public sealed class RunCheckpoint
{
    private readonly string _file;
    private readonly int _step;
    private readonly int _optimizerSteps;

    internal RunCheckpoint(string file)
    {
        _file = file;
        using var checkpoint = Checkpoint.Open(file);
        Stage = Number(checkpoint, "stage");
        _step = Number(checkpoint, "step");
        _optimizerSteps = Number(checkpoint, "optimizer_steps");
    }

    /// <summary>Index of the stage.</summary>
    public int Stage { get; }

    /// <summary>Steps done in it.</summary>
    public int Step => _step;

    /// <summary>Puts the state back.</summary>
    /// <exception cref="SightlineException">The checkpoint belongs to another recipe.</exception>
    public void Restore(StageState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        using var checkpoint = Checkpoint.Open(_file);
        foreach (var (name, value) in state.Tensors())
        {
            if (!checkpoint.Contains(name))
                throw new SightlineException(ErrorKind.BadModel, $"{_file}: '{name}' is missing; the checkpoint belongs to another recipe. Choose another output folder or delete this one");
            checkpoint.LoadInto(name, value);
        }

        state.Step = _step;
        state.Optimizer.Steps = _optimizerSteps;
    }

    private int Number(Checkpoint checkpoint, string key) =>
        checkpoint.Metadata.TryGetValue(key, out var text) && int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new SightlineException(ErrorKind.BadModel, $"{_file}: not a training checkpoint ('{key}' is missing)");
}
