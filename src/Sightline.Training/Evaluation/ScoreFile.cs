using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>Writes a score so that the file appears whole or not at all.</summary>
internal static class ScoreFile
{
    public static void Write(string path, Action<Utf8JsonWriter> write) => AtomicFile.Write(path, stream =>
    {
        using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" });
        write(writer);
    });
}
