
using Sightline.Imaging;

namespace Sightline.Cli.Output;

/// <summary>Result files: whole or not there, except devices and pipes, which cannot be replaced.</summary>
internal static class OutputFile
{
    /// <summary>Refuses to write over what is read.</summary>
    /// <exception cref="SightlineException">Usage: both are one file or folder, by whatever name.</exception>
    public static void RequireOther(string? output, string input)
    {
        if (output is not null && Real(output) == Real(input))
            throw new SightlineException(ErrorKind.Usage, $"{output} is what is read here and would be lost: write to another place");
    }

    /// <summary>Refuses, before the work, a name that no picture can be written to.</summary>
    /// <exception cref="SightlineException">Usage: another extension than those of pictures, or a folder.</exception>
    public static void RequirePicture(string path)
    {
        Picture.FormatToWrite(path);
        if (Directory.Exists(path)) throw new SightlineException(ErrorKind.Usage, $"{path} is a folder: give a file name");
    }

    /// <summary>Whether a file lies in a folder or below it.</summary>
    public static bool IsIn(string file, string folder) => Real(file).StartsWith(Real(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static string Real(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        FileSystemInfo? target = Directory.Exists(full) ? Directory.ResolveLinkTarget(full, returnFinalTarget: true) : File.Exists(full) ? File.ResolveLinkTarget(full, returnFinalTarget: true) : null;
        return target?.FullName ?? full;
    }

    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var bytes = content.ToArray();
        Write(path, stream => stream.Write(bytes));
    }

    /// <summary>As <see cref="Write(string, ReadOnlySpan{byte})"/>, and says so, at once: where a later result cannot be written, the earlier ones are known.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void WriteAndSay(Terminal terminal, string path, ReadOnlySpan<byte> content)
    {
        Write(path, content);
        terminal.Hint($"wrote {path}");
    }

    /// <summary>As <see cref="Write(string, Action{Stream})"/>, and says so.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void WriteAndSay(Terminal terminal, string path, Action<Stream> write)
    {
        Write(path, write);
        terminal.Hint($"wrote {path}");
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
