using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>Writes a score so that the file appears whole or not at all.</summary>
internal static class ScoreFile
{
    public static void Write(string path, Action<Utf8JsonWriter> write)
    {
        var temporary = path + ".partial";
        try
        {
            using (var stream = File.Create(temporary))
            {
                using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" });
                write(writer);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary)) File.Delete(temporary);
            throw new SightlineException(ErrorKind.CannotWrite, $"{path} cannot be written: {e.Message}", e);
        }
    }
}
