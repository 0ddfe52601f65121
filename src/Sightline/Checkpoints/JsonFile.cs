using System.Text.Json;

namespace Sightline.Checkpoints;

/// <summary>JSON files of model folders, with errors that name the file.</summary>
internal static class JsonFile
{
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 64, AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    /// <summary>Reads a whole document.</summary>
    /// <exception cref="SightlineException">NotFound: no such file, or it cannot be read. BadModel: not JSON.</exception>
    public static JsonDocument Read(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path), s_options);
        }
        catch (JsonException error)
        {
            throw new SightlineException(ErrorKind.BadModel, $"{path} is not valid JSON (line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}): fetch or export it again.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read ({error.Message.TrimEnd('.')}): check the path and its permissions.", error);
        }
    }
}
