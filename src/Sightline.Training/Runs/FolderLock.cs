namespace Sightline.Training.Runs;

/// <summary>A folder that this process alone works in. The system lets go of it when the process ends, however it ends.</summary>
internal sealed class FolderLock : IDisposable
{
    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <summary>Makes a folder, and one below it, and takes it for this process.</summary>
    /// <exception cref="SightlineException">Usage: it is a file; CannotWrite: it cannot be made, or another process has it.</exception>
    public static FolderLock Take(string path, string inner, string work = "training in this folder; wait for it or choose another folder with --output")
    {
        if (File.Exists(path)) throw new SightlineException(ErrorKind.Usage, $"{path} is a file: a run needs a folder of its own");
        try
        {
            Directory.CreateDirectory(inner);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{path}: the run folder cannot be made: {error.Message}", error);
        }

        var file = Path.Combine(path, ".lock");
        try
        {
            return new FolderLock(new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException error) when (File.Exists(file))
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{path}: another process is {work}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{path}: the run folder cannot be used: {error.Message}", error);
        }
    }

    public void Dispose() => _file.Dispose();
}
