using System.Text;
using Sightline.Training.Distributed;
using Sightline.Training.Runs;

namespace Sightline.Training.Grounding;

/// <summary>
/// The pictures that a labelling has finished, on disk until all are: one line a picture in a file a process. A labelling that was killed goes on from there, with any number
/// of processes; a line that was half written does not count.
/// </summary>
/// <param name="folder">Where it lies; it must be the same place for all processes.</param>
/// <param name="settings">Everything that decides what is found, as text: a journal of other settings is refused.</param>
public sealed class LabelJournal(string folder, string settings) : IDisposable
{
    private const string SettingsFile = "settings.txt";
    private FileStream? _own;
    private FolderLock? _lock;

    /// <summary>Where it lies.</summary>
    public string Folder => folder;

    /// <summary>Deletes it: the labels are where they belong.</summary>
    public void Delete()
    {
        Dispose();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _own?.Dispose();
        _lock?.Dispose();
    }

    /// <summary>What earlier runs finished, the same at every rank; new lines go into a file of this rank's own.</summary>
    /// <exception cref="SightlineException">Usage: the journal is of other settings. CannotWrite: another process writes it.</exception>
    internal IReadOnlyList<PictureLabels> Begin(Communicator ranks)
    {
        if (ranks.IsRoot) _lock ??= FolderLock.Take(folder, folder, "labelling into the same output; wait for it or choose another output");
        var finished = ranks.Share(ranks.IsRoot ? Lines() : null);
        ranks.Barrier(); // the files below are new ones, and nobody lists them any more
        _own = new FileStream(Unused(ranks.Rank), FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        var byNumber = new SortedDictionary<int, PictureLabels>();
        foreach (var line in finished.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var labels = PictureLabels.Read(Encoding.UTF8.GetBytes(line));
            byNumber[labels.Number] = labels;
        }

        return [.. byNumber.Values];
    }

    /// <summary>Notes a finished picture.</summary>
    internal void Add(PictureLabels labels)
    {
        _own!.Write(labels.ToLine());
        _own.Flush();
    }

    /// <summary>The whole lines of all files.</summary>
    private string Lines()
    {
        var settingsFile = Path.Combine(folder, SettingsFile);
        if (!File.Exists(settingsFile))
        {
            AtomicFile.WriteText(settingsFile, settings);
            return "";
        }

        if (File.ReadAllText(settingsFile) != settings)
            throw new SightlineException(ErrorKind.Usage, $"{folder} holds labels of another run (another model, other classes, pictures or options): run that command again to finish it, or delete the folder to begin anew");
        var lines = new StringBuilder();
        foreach (var file in Directory.GetFiles(folder, "*.jsonl").Order(StringComparer.Ordinal))
        {
            var text = File.ReadAllText(file);
            lines.Append(text.AsSpan(0, text.LastIndexOf('\n') + 1));
        }

        return lines.ToString();
    }

    private string Unused(int rank)
    {
        for (var run = 0; ; run++)
        {
            var file = Path.Combine(folder, FormattableString.Invariant($"{run}-{rank}.jsonl"));
            if (!File.Exists(file)) return file;
        }
    }
}
