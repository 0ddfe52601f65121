namespace Sightline.Cli;

/// <summary>
/// Finds a model folder from what a user wrote: a path, the name of a shipped model, or nothing (then
/// <c>SIGHTLINE_MODEL</c>, then the shipped <c>nano</c>).
/// </summary>
internal static class ModelLocation
{
    /// <summary>The environment variable with the default model folder.</summary>
    public const string Variable = "SIGHTLINE_MODEL";

    /// <summary>The model that the tool ships.</summary>
    public const string DefaultName = "nano";

    /// <summary>The description that every <c>--model</c> shares.</summary>
    public const string OptionText = "Model folder, or the name of a shipped model; default: SIGHTLINE_MODEL, else nano";

    /// <summary>The folder, which exists.</summary>
    /// <exception cref="SightlineException">NotFound, with every place that was looked at.</exception>
    public static string Resolve(string? written)
    {
        if (string.IsNullOrEmpty(written))
        {
            var named = Environment.GetEnvironmentVariable(Variable);
            if (!string.IsNullOrEmpty(named))
                return Directory.Exists(named) ? named : throw new SightlineException(ErrorKind.NotFound, $"{Variable} names the folder {named}, which is not there");
            written = DefaultName;
        }
        else if (Directory.Exists(written))
        {
            return written;
        }

        if (!IsName(written)) throw new SightlineException(ErrorKind.NotFound, $"there is no model folder {written}");
        var places = Shelves().Select(shelf => Path.Combine(shelf, written)).Distinct().ToList();
        return places.Find(Directory.Exists)
            ?? throw new SightlineException(ErrorKind.NotFound, $"there is no model '{written}': looked at {string.Join(", ", places)}; name a folder with --model or {Variable}");
    }

    /// <summary>Folders that hold models by name: beside the tool, in the checkout it was built in, in the current folder.</summary>
    public static IEnumerable<string> Shelves()
    {
        yield return Path.Combine(AppContext.BaseDirectory, "models");
        for (var folder = Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (!File.Exists(Path.Combine(folder, "Sightline.slnx"))) continue;
            yield return Path.Combine(folder, "models");
            break;
        }

        yield return Path.Combine(Environment.CurrentDirectory, "models");
    }

    private static bool IsName(string text) => text.IndexOfAny(['/', '\\']) < 0 && text != "." && text != "..";
}
