namespace Sightline;

/// <summary>
/// Writes a file so that at every moment there is either the whole old one or the whole new one: into a temporary file
/// beside it, flushed to the disk, then moved over. A full disk leaves nothing behind.
/// </summary>
public static class AtomicFile
{
    /// <summary>Writes a file; missing folders are made.</summary>
    /// <exception cref="SightlineException">CannotWrite: the folder or the disk does not take it. Nothing has changed then.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var full = Path.GetFullPath(path);
        var temporary = $"{full}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            FileEvents.Log.Written(full);
            File.Move(temporary, full, overwrite: true);
            FileEvents.Log.Moved(full);
        }
        catch (Exception error)
        {
            Remove(temporary);
            if (IsRefusal(error))
                throw new SightlineException(ErrorKind.CannotWrite, $"{path} cannot be written ({error.Message.TrimEnd('.')}): check free space and permissions; nothing was changed.", error);
            throw;
        }
    }

    /// <summary>Writes a text as UTF-8.</summary>
    /// <exception cref="SightlineException">As <see cref="Write"/>.</exception>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Deletes what killed processes left half-written in a folder (not below it); anything else ending in .tmp stays.</summary>
    public static void RemoveLeftovers(string folder)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var file in Directory.EnumerateFiles(folder, "*.tmp"))
        {
            // NAME.PROCESS.THREAD.tmp
            var parts = Path.GetFileName(file).Split('.');
            if (parts.Length >= 4 && int.TryParse(parts[^2], out _) && int.TryParse(parts[^3], out _)) Remove(file);
        }
    }

    /// <summary>
    /// Whether the system refused a write. A file that grows above what its file system takes (4 GiB on FAT) or the process is allowed is
    /// reported by .NET as an argument named "value".
    /// </summary>
    private static bool IsRefusal(Exception error) =>
        error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentOutOfRangeException { ParamName: "value" };

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // the first error is the one to report; the name ends in .tmp and is not taken for a result
        }
    }
}
