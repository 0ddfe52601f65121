using System.Globalization;

namespace Sightline.Text.Prompts;

/// <summary>The templates that ship with the library, and those of a user's folder.</summary>
public static class PromptLibrary
{
    private const string Prefix = "prompts/", Suffix = ".prompt";

    private static readonly Lazy<IReadOnlyList<PromptTemplate>> s_all = new(ReadShipped);

    /// <summary>All shipped templates in all versions, by name.</summary>
    public static IReadOnlyList<PromptTemplate> All => s_all.Value;

    /// <summary>A template by name (<c>visual-rft/detection</c>, the newest version; <c>visual-rft/detection@1</c>), or from a file.</summary>
    /// <exception cref="SightlineException">NotFound: no such template; the sentence lists those there are. BadData: the file cannot be understood.</exception>
    public static PromptTemplate Get(string nameOrFile)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrFile);
        if (nameOrFile.EndsWith(Suffix, StringComparison.Ordinal)) return ReadFile(nameOrFile);
        return All.LastOrDefault(template => template.Id == nameOrFile || template.Name == nameOrFile)
            ?? throw new SightlineException(ErrorKind.NotFound, $"there is no prompt template '{nameOrFile}'; there are {string.Join(", ", All.Select(template => template.Id))}, or give a file that ends in {Suffix}");
    }

    /// <summary>The template to take for a task where none is named.</summary>
    /// <exception cref="SightlineException">NotFound: this model cannot be asked that.</exception>
    public static PromptTemplate For(GroundingTask task, string modelType) =>
        All.LastOrDefault(template => template.IsDefault && template.Task == task && template.Models.Contains(modelType))
            ?? throw new SightlineException(ErrorKind.NotFound, $"there is no prompt template for {task.ToString().ToLowerInvariant()} with models of type '{modelType}'; give a file that ends in {Suffix}");

    private static PromptTemplate ReadFile(string path)
    {
        try
        {
            var (name, version) = Split(Path.GetFileName(path));
            return PromptTemplate.Parse(File.ReadAllText(path), name, version);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"the prompt template {path} cannot be read: {error.Message}", error);
        }
    }

    private static List<PromptTemplate> ReadShipped()
    {
        var assembly = typeof(PromptLibrary).Assembly;
        var templates = new List<PromptTemplate>();
        foreach (var resource in assembly.GetManifestResourceNames())
        {
            if (!resource.StartsWith(Prefix, StringComparison.Ordinal)) continue;
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            var (name, version) = Split(resource[Prefix.Length..].Replace('\\', '/'));
            templates.Add(PromptTemplate.Parse(reader.ReadToEnd(), name, version));
        }

        templates.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name) is var order and not 0 ? order : a.Version.CompareTo(b.Version));
        return templates;
    }

    /// <summary>NAME.VERSION.prompt; a file of a user may leave the version out.</summary>
    private static (string Name, int Version) Split(string file)
    {
        var stem = file[..^Suffix.Length];
        var dot = stem.LastIndexOf('.');
        return dot > 0 && int.TryParse(stem[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var version) && version > 0 ? (stem[..dot], version) : (stem, 1);
    }
}
