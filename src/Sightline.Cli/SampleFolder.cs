using System.Text.Json;

namespace Sightline.Cli;

/// <summary>Pictures with the phrases to ask of them: <c>phrases.json</c>, an object from file name to a list of phrases.</summary>
internal sealed record SampleFolder(string Folder, IReadOnlyList<(string Picture, string[] Phrases)> Pictures)
{
    private const string FileName = "phrases.json";

    /// <summary>The shipped samples: beside the tool, or in the checkout it was built in.</summary>
    /// <exception cref="SightlineException">NotFound.</exception>
    public static string Find()
    {
        var places = ModelLocation.Shelves().Select(shelf => Path.Combine(Path.GetDirectoryName(shelf)!, "samples")).Distinct().ToList();
        return places.Find(place => File.Exists(Path.Combine(place, FileName)))
            ?? throw new SightlineException(ErrorKind.NotFound, $"the samples are not there: looked at {string.Join(", ", places)}; name a folder with --samples");
    }

    /// <exception cref="SightlineException">NotFound or BadData.</exception>
    public static SampleFolder Open(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return new SampleFolder(folder, [.. document.RootElement.EnumerateObject().Select(entry => (entry.Name, entry.Value.EnumerateArray().Select(phrase => phrase.GetString()!).ToArray()))]);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path} must be a JSON object from picture name to a list of phrases", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read: {error.Message}", error);
        }
    }
}
