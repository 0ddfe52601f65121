using Sightline.Hub;

namespace Sightline.Cli;

/// <summary>
/// Finds a model folder from what a user wrote: a path, the name of a shipped model, the name of a model pulled from a hub, or nothing (then
/// <c>SIGHTLINE_MODEL</c>, then the shipped <c>nano</c>).
/// </summary>
internal static class ModelLocation
{
    /// <summary>The environment variable with the default model folder.</summary>
    public const string Variable = "SIGHTLINE_MODEL";

    /// <summary>The model that the tool ships.</summary>
    public const string DefaultName = "nano";

    /// <summary>The description that every <c>--model</c> shares.</summary>
    public const string OptionText = "Model folder, or the name of a shipped or pulled model; default: SIGHTLINE_MODEL, else nano";

    /// <summary>The folder, which exists.</summary>
    /// <exception cref="SightlineException">NotFound, with every place that was looked at.</exception>
    public static string Resolve(string? written)
    {
        if (written is not null && string.IsNullOrWhiteSpace(written))
            throw new SightlineException(ErrorKind.Usage, "the name of the model is empty: give a folder, or leave --model out for the shipped one");
        if (File.Exists(written))
            throw new SightlineException(ErrorKind.NotFound, $"{written} is a file: give the model's folder, {Path.GetDirectoryName(Path.GetFullPath(written))}");
        if (written is null)
        {
            var named = Environment.GetEnvironmentVariable(Variable);
            if (!string.IsNullOrEmpty(named))
                return Pulled(named) ?? (Directory.Exists(named) ? named : throw new SightlineException(ErrorKind.NotFound, $"{Variable} names the folder {named}, which is not there"));
            written = DefaultName;
        }
        else if (Directory.Exists(written))
        {
            return written;
        }

        if (Pulled(written) is { } pulled) return pulled;
        if (HubModelName.TryParse(written, out var name) && !written.StartsWith('.'))
            throw new SightlineException(ErrorKind.NotFound, $"there is no model folder {written}, and no model of this name was pulled; to fetch it: sightline models pull {written}");
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

    private static string? Pulled(string written) => !Directory.Exists(written) && HubCache.Resolve(written) is var folder && folder != written ? folder : null;

    private static bool IsName(string text) => text.IndexOfAny(['/', '\\']) < 0 && text != "." && text != "..";
}
