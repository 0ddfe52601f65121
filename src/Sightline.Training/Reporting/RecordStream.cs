namespace Sightline.Training.Reporting;

/// <summary>A file that grows while a run lasts. What the disk refuses ends in one sentence with the file's name.</summary>
internal sealed class RecordStream : IDisposable
{
    private readonly string _path;
    private readonly FileStream _stream;
    private bool _failed;

    /// <summary>Opens the file.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public RecordStream(string path, FileMode mode)
    {
        _path = path;
        try
        {
            _stream = new FileStream(path, mode, FileAccess.Write, FileShare.Read);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Refused(error);
        }
    }

    /// <summary>Adds bytes; <see cref="Flush"/> makes them visible to readers.</summary>
    /// <exception cref="SightlineException">CannotWrite, such as on a full disk.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream.Write(bytes);
        }
        catch (IOException error)
        {
            throw Refused(error);
        }
    }

    /// <summary>Makes what was added visible to readers.</summary>
    /// <exception cref="SightlineException">CannotWrite, such as on a full disk.</exception>
    public void Flush()
    {
        try
        {
            _stream.Flush();
        }
        catch (IOException error)
        {
            throw Refused(error);
        }
    }

    /// <summary>Closes the file. Says nothing of what a call before has already said.</summary>
    public void Dispose()
    {
        try
        {
            _stream.Dispose();
        }
        catch (IOException error)
        {
            if (!_failed) throw Refused(error);
        }
    }

    private SightlineException Refused(Exception error)
    {
        _failed = true;
        return new SightlineException(ErrorKind.CannotWrite, $"{_path} cannot be written: {error.Message}", error);
    }
}
