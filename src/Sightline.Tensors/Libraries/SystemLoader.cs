using System.Runtime.InteropServices;

namespace Sightline.Tensors.Libraries;

/// <summary>Loads libraries that may not be there.</summary>
public static class SystemLoader
{
    /// <summary>
    /// Loads a file, or a name that the system's loader looks up. A file of Linux that is cut short is not handed to that loader: the process would die of it.
    /// </summary>
    /// <param name="path">A file, or a name.</param>
    /// <param name="reason">Why it cannot be loaded: what the loader says, or what is wrong with the file.</param>
    /// <returns>The library's handle; 0 where it cannot be loaded.</returns>
    public static nint TryLoad(string path, out string reason)
    {
        ArgumentNullException.ThrowIfNull(path);
        reason = "";
        if (OperatingSystem.IsLinux() && path.Contains('/') && ElfFile.Problem(path) is { } problem)
        {
            reason = problem;
            return 0;
        }

        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            // the runtime's general advice comes first, what the system's loader says last
            var said = error.Message.AsSpan().TrimEnd();
            said = said[(said.LastIndexOf('\n') + 1)..];
            reason = (said.StartsWith($"{path}: ", StringComparison.Ordinal) ? said[(path.Length + 2)..] : said).ToString();
            return 0;
        }
    }

    /// <summary>Why nothing was found in a file or folder that the user named: it may not be read; null where that is not the reason.</summary>
    /// <param name="path">The file or folder.</param>
    public static string? Denied(string path) => Denied(path, static folder =>
    {
        if (File.GetAttributes(folder).HasFlag(FileAttributes.Directory)) _ = Directory.EnumerateFileSystemEntries(folder).Any();
    });

    /// <param name="path">The file or folder.</param>
    /// <param name="look">Looks into a folder.</param>
    internal static string? Denied(string path, Action<string> look)
    {
        try
        {
            look(path);
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return $"{path} may not be read (permission denied)";
        }
        catch (IOException)
        {
            return null; // it is not there
        }
    }
}
