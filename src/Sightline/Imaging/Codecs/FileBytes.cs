using System.Buffers;

namespace Sightline.Imaging.Codecs;

/// <summary>The content of a file in a pooled buffer.</summary>
internal sealed class FileBytes : IDisposable
{
    private byte[]? _buffer;
    private readonly int _length;

    private FileBytes(byte[] buffer, int length) => (_buffer, _length) = (buffer, length);

    public ReadOnlySpan<byte> Span => _buffer.AsSpan(0, _length);

    public static FileBytes Read(string path, PictureReadOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            if (Directory.Exists(path)) throw new SightlineException(ErrorKind.BadPicture, $"{path} is a folder, not a picture file");
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
            var length = RandomAccess.GetLength(file);
            if (length > Math.Min(options.MaxFileBytes, Array.MaxLength))
                throw new SightlineException(ErrorKind.BadPicture, $"{path} has {length} bytes, more than the limit of {options.MaxFileBytes} for a picture file");
            if (length == 0) throw new SightlineException(ErrorKind.BadPicture, $"{path} is empty (0 bytes)");
            var buffer = ArrayPool<byte>.Shared.Rent((int)length);
            var read = 0;
            while (read < length)
            {
                var count = RandomAccess.Read(file, buffer.AsSpan(read, (int)length - read), read);
                if (count == 0) break;
                read += count;
            }

            return new FileBytes(buffer, read);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path}: there is no such picture file", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read: {error.Message.TrimEnd('.')}", error);
        }
    }

    public void Dispose()
    {
        if (_buffer is null) return;
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = null;
    }
}
