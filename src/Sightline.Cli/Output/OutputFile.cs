
namespace Sightline.Cli.Output;

/// <summary>Result files: whole or not there, except devices and pipes, which cannot be replaced.</summary>
internal static class OutputFile
{
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var bytes = content.ToArray();
        Write(path, stream => stream.Write(bytes));
    }

    /// <summary>Makes missing folders. The target keeps its old content when <paramref name="write"/> fails.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        if (!path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            AtomicFile.Write(path, write);
            return;
        }

        try
        {
            using var device = new FileStream(path, FileMode.Open, FileAccess.Write);
            write(device);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{path} cannot be written: {error.Message}", error);
        }
    }
}
