namespace Sightline.Cli.Output;

/// <summary>Files that are whole or not there: written beside the target and moved over it.</summary>
internal static class OutputFile
{
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var bytes = content.ToArray();
        Write(path, stream => stream.Write(bytes));
    }

    /// <summary>Creates the folder if needed. The target keeps its old content when <paramref name="write"/> fails.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var temporary = path + ".part";
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
            if (IsDevice(path))
            {
                using var device = File.OpenWrite(path);
                write(device);
                return;
            }

            using (var stream = File.Create(temporary)) write(stream);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Remove(temporary);
            throw new SightlineException(ErrorKind.CannotWrite, $"{path} cannot be written: {error.Message}", error);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    // /dev/stdout and named pipes cannot be replaced by a file
    private static bool IsDevice(string path) => path.StartsWith("/dev/", StringComparison.Ordinal);

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // the message about the first failure matters more
        }
    }
}
