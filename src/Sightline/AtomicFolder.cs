namespace Sightline;

/// <summary>
/// Writes several files into a folder so that they come together: into a folder beside, then moved one by one. A full disk leaves nothing
/// behind and changes nothing.
/// </summary>
public static class AtomicFolder
{
    /// <summary>Lets <paramref name="write"/> fill a temporary folder and moves its files, with their folders, into <paramref name="folder"/>, over files of the same names.</summary>
    /// <param name="folder">Where the files go; made where it is missing.</param>
    /// <param name="write">Gets the temporary folder, which is on the same disk.</param>
    /// <returns>The files at their final places, in the order of their names.</returns>
    /// <exception cref="SightlineException">CannotWrite. Nothing has changed then, except where a single file refuses to be replaced.</exception>
    public static IReadOnlyList<string> Write(string folder, Action<string> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(write);
        var full = Path.GetFullPath(folder);
        var isNew = !Directory.Exists(full);
        var temporary = Path.Combine(full, $".{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp");
        try
        {
            Directory.CreateDirectory(temporary);
            write(temporary);
            return Move(temporary, full, folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{folder} cannot be written ({error.Message.Replace(temporary, folder, StringComparison.Ordinal).TrimEnd('.')}): check free space and permissions.", error);
        }
        catch (SightlineException error) when (error.Message.Contains(temporary, StringComparison.Ordinal))
        {
            throw new SightlineException(error.Kind, error.Message.Replace(temporary, folder, StringComparison.Ordinal), error);
        }
        finally
        {
            Remove(temporary);
            if (isNew) RemoveEmpty(full);
        }
    }

    private static List<string> Move(string from, string to, string written)
    {
        var names = Directory.GetFiles(from, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(from, file)).Order(StringComparer.Ordinal).ToList();
        if (names.Find(name => Directory.Exists(Path.Combine(to, name))) is { } taken) throw new IOException($"{Path.Combine(written, taken)} is a folder");
        var moved = new List<string>();
        foreach (var name in names)
        {
            var target = Path.Combine(to, name);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Move(Path.Combine(from, name), target, overwrite: true);
            moved.Add(Path.Combine(written, name));
        }

        return moved;
    }

    private static void Remove(string folder)
    {
        try
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // the first error is the one to report
        }
    }

    private static void RemoveEmpty(string folder)
    {
        try
        {
            if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // an empty folder does no harm
        }
    }
}
