using System.Text;

namespace Sightline.Training.Data;

/// <summary>Reading and writing annotation files with the errors that users see; writes go to a temporary name first.</summary>
internal static class DataFile
{
    /// <summary>Strict UTF-8: a file in another encoding is an error, not a page of question marks.</summary>
    public static readonly UTF8Encoding Utf8 = new(false, true);

    public static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read: {e.Message}", e);
        }
    }

    public static string ReadText(string path)
    {
        var bytes = ReadBytes(path);
        try
        {
            var start = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? 3 : 0;
            return Utf8.GetString(bytes, start, bytes.Length - start);
        }
        catch (DecoderFallbackException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path}: not UTF-8 text (byte {e.Index})", e);
        }
    }

    public static string[] ReadLines(string path) => ReadText(path).ReplaceLineEndings("\n").Split('\n');

    public static Stream OpenRead(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read: {e.Message}", e);
        }
    }

    public static void WriteText(string path, string text) => AtomicFile.Write(path, stream => stream.Write(Utf8.GetBytes(text)));

    public static SightlineException Bad(string path, string what) => new(ErrorKind.BadData, $"{path}: {what}");
}
