using System.Globalization;
using Sightline.Checkpoints;

namespace Sightline.Training.Runs;

/// <summary>A saved state on disk.</summary>
public sealed class RunCheckpoint
{
    internal const string FigurePrefix = "figure.";
    private readonly string _file;
    private readonly int _optimizerSteps;

    /// <exception cref="SightlineException">BadModel: the file is damaged or no checkpoint of a run.</exception>
    internal RunCheckpoint(string file)
    {
        _file = file;
        using var checkpoint = Checkpoint.Open(file);
        Stage = Number(checkpoint, "stage");
        Step = Number(checkpoint, "step");
        MeasuredStep = Number(checkpoint, "measured_step");
        Rollbacks = checkpoint.Metadata.ContainsKey("rollbacks") ? Number(checkpoint, "rollbacks") : 0;
        _optimizerSteps = Number(checkpoint, "optimizer_steps");
    }

    /// <summary>The file's name, without its folder.</summary>
    public string Name => Path.GetFileName(_file);

    /// <summary>Index of the stage.</summary>
    public int Stage { get; }

    /// <summary>Steps done in it.</summary>
    public int Step { get; }

    /// <summary>The step after which the validation sources were last measured; 0 for none.</summary>
    public int MeasuredStep { get; }

    /// <summary>How often the stage had gone back to a checkpoint.</summary>
    public int Rollbacks { get; }

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

        state.Step = Step;
        state.MeasuredStep = MeasuredStep;
        state.Rollbacks = Rollbacks;
        state.Optimizer.Steps = _optimizerSteps;
        state.Figures.Clear();
        foreach (var (key, value) in checkpoint.Metadata.Where(entry => entry.Key.StartsWith(FigurePrefix, StringComparison.Ordinal)))
            state.Figures[key[FigurePrefix.Length..]] = double.Parse(value, CultureInfo.InvariantCulture);
    }

    private int Number(Checkpoint checkpoint, string key) =>
        checkpoint.Metadata.TryGetValue(key, out var text) && int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new SightlineException(ErrorKind.BadModel, $"{_file}: not a training checkpoint ('{key}' is missing)");
}
