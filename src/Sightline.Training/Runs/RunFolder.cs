using System.Globalization;
using Sightline.Checkpoints;
using Sightline.Training.Distributed;
using Sightline.Training.Recipes;

namespace Sightline.Training.Runs;

/// <summary>
/// The folder of a run: <c>recipe.json</c> (as it is trained), <c>data.json</c> (what its data was like), <c>checkpoints/</c> (the last two, each one file moved into place whole),
/// <c>model/</c> at the end, and what observers write. Nothing is made before <see cref="Open"/> or the first save. Of several processes, rank 0 opens and writes, all read:
/// the folder must be the same for all of them.
/// </summary>
/// <param name="path">The folder.</param>
/// <param name="ranks">The processes that work on the run; null: this one alone.</param>
public sealed class RunFolder(string path, Communicator? ranks = null) : IDisposable
{
    private const int Kept = 2;
    private FolderLock? _lock;

    /// <summary>The folder.</summary>
    public string Path => path;

    /// <summary>The processes that work on the run.</summary>
    public Communicator Ranks { get; } = ranks ?? Communicator.Alone;

    /// <summary>Where the trained model goes.</summary>
    public string ModelFolder => System.IO.Path.Combine(path, "model");

    /// <summary>Whether a run has begun here, as this process sees it.</summary>
    public bool IsThere => File.Exists(RecipeFile);

    private string CheckpointFolder => System.IO.Path.Combine(path, "checkpoints");

    private string RecipeFile => System.IO.Path.Combine(path, "recipe.json");

    /// <summary>
    /// Takes the folder for this process and clears away what a killed one left half-written. Returns the recipe of the run that stands there
    /// (as <paramref name="wanted"/>, with the batches that were chosen when it began and the tripwires that are wanted now), or null for a folder in which nothing was trained.
    /// </summary>
    /// <exception cref="SightlineException">Another recipe was trained here (a folder without checkpoint takes any), another process trains here, or the folder cannot be made.</exception>
    public TRecipe? Open<TRecipe>(TRecipe wanted)
        where TRecipe : RunRecipe
    {
        ArgumentNullException.ThrowIfNull(wanted);
        _lock ??= FolderLock.Take(path, CheckpointFolder);
        foreach (var folder in new[] { path, CheckpointFolder, ModelFolder }) AtomicFile.RemoveLeftovers(folder);
        if (!File.Exists(RecipeFile))
        {
            return LatestCheckpoint() is null
                ? null
                : throw new SightlineException(ErrorKind.BadRecipe, $"{path} holds checkpoints but not the recipe they belong to; choose another folder with --output or delete this one");
        }

        var stored = RecipeReader.ReadAny(RecipeFile);
        if (RecipeDifference.First(wanted, stored) is { } difference)
        {
            if (Files().Length == 0 && !Directory.Exists(ModelFolder)) return null; // nothing was trained: what failed before the first save may be mended in the recipe
            throw new SightlineException(ErrorKind.BadRecipe, $"{path} holds a run of another recipe: {difference}. Choose another folder with --output, or delete this one to start again");
        }

        var goesOn = (TRecipe)stored.GoingOnAs(wanted);
        if (goesOn.ToJson() != stored.ToJson()) Store(goesOn);
        return goesOn;
    }

    /// <summary>Writes the recipe that is trained here.</summary>
    public void Store(RunRecipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        AtomicFile.WriteText(RecipeFile, recipe.ToJson() + "\n");
    }

    /// <summary>
    /// Writes down what the data of a run is like before its first checkpoint; of a run that goes on, compares. A run that was begun without is written down as it
    /// stands.
    /// </summary>
    /// <exception cref="SightlineException">BadData: it is not the data that the run began with.</exception>
    internal void RequireSameData(IReadOnlyList<SourceMark> marks)
    {
        var file = System.IO.Path.Combine(path, DataMarks.FileName);
        if (File.Exists(file) && Files().Length > 0) DataMarks.Require(file, marks);
        else DataMarks.Write(file, marks);
    }

    /// <summary>Saves the state of a stage, with the parts of all processes; the file is whole or not there. Older ones but the last are deleted. Returns its path.</summary>
    public string SaveCheckpoint(StageState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var writer = new SafetensorsWriter();
        writer.Metadata["stage"] = state.Index.ToString(CultureInfo.InvariantCulture);
        writer.Metadata["step"] = state.Step.ToString(CultureInfo.InvariantCulture);
        writer.Metadata["measured_step"] = state.MeasuredStep.ToString(CultureInfo.InvariantCulture);
        if (state.Rollbacks > 0) writer.Metadata["rollbacks"] = state.Rollbacks.ToString(CultureInfo.InvariantCulture);
        foreach (var (name, value) in state.Figures) writer.Metadata[RunCheckpoint.FigurePrefix + name] = value.ToString("R", CultureInfo.InvariantCulture);
        writer.Metadata["optimizer_steps"] = state.Optimizer.Steps.ToString(CultureInfo.InvariantCulture);
        foreach (var parameter in state.Parameters) writer.Add($"weights.{parameter.Path}", parameter.Value);
        var file = System.IO.Path.Combine(CheckpointFolder, $"stage{state.Index:00}-step{state.Step:0000000}.safetensors");
        new SharedState(Ranks).Save([.. state.Shard()], writer, () =>
        {
            writer.Save(file);
            foreach (var old in Files().SkipLast(Kept)) Remove(old);
        });
        return file;
    }

    /// <summary>
    /// Writes a file of the size of a checkpoint and takes it away again: a full disk is known before hours of training, not at the first save.
    /// </summary>
    /// <exception cref="SightlineException">CannotWrite with the size.</exception>
    public void RequireRoom(StageState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var bytes = state.Parameters.Sum(parameter => parameter.Value.Bytes) + (long)Ranks.Sum(state.Shard().Sum(entry => entry.Value.Bytes));
        Ranks.OnRoot(() => RequireRoom(bytes));
    }

    internal void RequireRoom(long bytes)
    {
        var size = string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, bytes >> 20)} MiB");
        try
        {
            Directory.CreateDirectory(CheckpointFolder);
            var free = new DriveInfo(System.IO.Path.GetFullPath(CheckpointFolder)).AvailableFreeSpace;
            if (free < bytes) throw new IOException(string.Create(CultureInfo.InvariantCulture, $"{free >> 20} MiB are free"));
            var file = System.IO.Path.Combine(CheckpointFolder, $"room.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp");
            // room is taken from the file system at once where it knows how, quotas included
            using var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, PreallocationSize = bytes, Options = FileOptions.DeleteOnClose });
            stream.Write(new byte[1 << 16]);
            stream.Flush(flushToDisk: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{path}: there is no room for a checkpoint of {size} ({error.Message.TrimEnd('.')}): free some or choose another folder with --output", error);
        }
    }

    /// <summary>Newer checkpoints that could not be read when <see cref="LatestCheckpoint"/> was asked last.</summary>
    public IReadOnlyList<string> DamagedCheckpoints { get; private set; } = [];

    /// <summary>The newest checkpoint that can be read, or null for a fresh run; rank 0 chooses, and all open it.</summary>
    /// <exception cref="SightlineException">BadModel: there are checkpoints and none can be read; the message says which to delete.</exception>
    internal RunCheckpoint? SharedCheckpoint()
    {
        var chosen = Ranks.IsRoot ? LatestCheckpoint() : null;
        if (Ranks.Size == 1) return chosen;
        var name = Ranks.Share(chosen?.Name);
        return Ranks.IsRoot ? chosen : name.Length == 0 ? null : new RunCheckpoint(System.IO.Path.Combine(CheckpointFolder, name));
    }

    /// <summary>Takes the newest checkpoint away where it is of this very step and its stage has an older one: weights with which a step went wrong are none to go back to.</summary>
    internal void RemoveUnproven(int stage, int step)
    {
        if (Files() is [.., var older, var newest] && Read(newest) is { } last && (last.Stage, last.Step) == (stage, step) && Read(older)?.Stage == stage) Remove(newest);

        static RunCheckpoint? Read(string file)
        {
            try
            {
                return new RunCheckpoint(file);
            }
            catch (SightlineException)
            {
                return null; // damaged: nothing to go back to
            }
        }
    }

    /// <summary>The newest checkpoint that can be read, or null for a fresh run.</summary>
    /// <exception cref="SightlineException">BadModel: there are checkpoints and none can be read; the message says which to delete.</exception>
    public RunCheckpoint? LatestCheckpoint()
    {
        var damaged = new List<string>();
        DamagedCheckpoints = damaged;
        var files = Files();
        for (var i = files.Length - 1; i >= 0; i--)
        {
            try
            {
                return new RunCheckpoint(files[i]);
            }
            catch (SightlineException) when (i > 0)
            {
                damaged.Add(files[i]); // a disk that lost the end of the last file: the one before is why two are kept
            }
            catch (SightlineException error)
            {
                throw new SightlineException(ErrorKind.BadModel, $"{error.Message.TrimEnd('.')}: no checkpoint of this run can be read; delete {string.Join(" and ", [files[i], .. damaged])} to train from the start", error);
            }
        }

        return null;
    }

    /// <summary>Gives the folder free for other processes.</summary>
    public void Dispose() => _lock?.Dispose();

    private static void Remove(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{file}: the old checkpoint cannot be deleted: {error.Message}", error);
        }
    }

    private string[] Files()
    {
        if (!Directory.Exists(CheckpointFolder)) return [];
        var files = Directory.GetFiles(CheckpointFolder, "stage*.safetensors");
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }
}
