namespace Sightline;

/// <summary>
/// A folder in the making, beside the place where it will be: <c>NAME.PROCESS.tmp</c>, moved there by <see cref="Finish"/> and else deleted. Its
/// maker holds a lock in it, so that what a killed process left is known from what another one is writing; the next <see cref="Begin"/> removes it.
/// </summary>
internal sealed class UnfinishedFolder : IDisposable
{
    private const string LockName = ".unfinished";
    private readonly string _target;
    private FileStream? _lock;

    private UnfinishedFolder(string target, string path, FileStream held, IReadOnlyList<string> removed) => (_target, Path, _lock, Removed) = (target, path, held, removed);

    /// <summary>Where to write.</summary>
    public string Path { get; }

    /// <summary>What killed processes had left and is gone now.</summary>
    public IReadOnlyList<string> Removed { get; }

    /// <summary>Starts a folder, after what killed processes left of the same one is removed.</summary>
    /// <param name="target">The full path that it will have.</param>
    /// <exception cref="IOException">The disk does not take it.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder above does not allow it.</exception>
    public static UnfinishedFolder Begin(string target)
    {
        string[] removed = [.. Leftovers(target).Where(TryRemove)];
        var path = PathFor(target);
        Directory.CreateDirectory(path);
        return new UnfinishedFolder(target, path, Hold(path), removed);
    }

    /// <summary>Where this process makes a folder.</summary>
    public static string PathFor(string target) => FormattableString.Invariant($"{target}.{Environment.ProcessId}.tmp");

    /// <summary>Gives the folder its name; an empty folder of that name makes way.</summary>
    public void Finish()
    {
        Release();
        if (Directory.Exists(_target)) Directory.Delete(_target);
        Directory.Move(Path, _target);
    }

    /// <summary>Deletes the folder unless it was finished.</summary>
    public void Dispose()
    {
        Release();
        try
        {
            if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // the first error is the one to report; the next run tries again
        }
    }

    private static IEnumerable<string> Leftovers(string target)
    {
        var (above, name) = (System.IO.Path.GetDirectoryName(target)!, System.IO.Path.GetFileName(target));
        if (!Directory.Exists(above)) return [];
        return Directory.GetDirectories(above).Where(folder =>
        {
            var own = System.IO.Path.GetFileName(folder);
            return own.StartsWith($"{name}.", StringComparison.Ordinal) && own.EndsWith(".tmp", StringComparison.Ordinal) && own.Length > name.Length + 5
                && own[(name.Length + 1)..^4].All(char.IsAsciiDigit);
        });
    }

    private static FileStream Hold(string folder) => new(System.IO.Path.Combine(folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);

    private static bool TryRemove(string folder)
    {
        try
        {
            Hold(folder).Dispose(); // fails while its maker lives
            Directory.Delete(folder, recursive: true);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Release()
    {
        _lock?.Dispose();
        _lock = null;
    }
}
