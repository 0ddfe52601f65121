namespace Sightline.Tensors.LibTorch;

/// <summary>
/// Where libtorch is looked for, in this order: a folder that the caller names, the one that the environment variable <c>LIBTORCH</c> names, the
/// <c>torch</c> package of a Python installation (the active virtual or conda environment, the user's packages, the system's), and what the system's
/// loader finds by name. A folder may be libtorch's own, its <c>lib</c>, or a <c>torch</c> package.
/// </summary>
public static class LibTorchSearch
{
    /// <summary>The environment variable with a folder or file.</summary>
    public const string Variable = "LIBTORCH";

    /// <summary>A place, and what is there.</summary>
    /// <param name="Source">Why it is looked at.</param>
    /// <param name="Path">A file that is there, a folder that holds none, or a name for the system's loader.</param>
    /// <param name="IsFound">Whether the file is there; a name for the loader counts once it was loaded.</param>
    public sealed record Place(string Source, string Path, bool IsFound);

    /// <summary>The library's file name on this system.</summary>
    public static string FileName => OperatingSystem.IsWindows() ? "torch_cpu.dll" : OperatingSystem.IsMacOS() ? "libtorch_cpu.dylib" : "libtorch_cpu.so";

    /// <summary>All places, the first that holds a file is the one to load. A folder that was named and holds none ends the search.</summary>
    /// <param name="folder">A folder or file that the caller names, or null.</param>
    public static IReadOnlyList<Place> Places(string? folder = null) =>
        Places(folder, Environment.GetEnvironmentVariable, File.Exists, path => Directory.Exists(path) ? Directory.GetDirectories(path) : []);

    internal static IReadOnlyList<Place> Places(string? folder, Func<string, string?> environment, Func<string, bool> fileExists, Func<string, string[]> folders)
    {
        if (folder is { Length: > 0 }) return [Look("named", folder, fileExists)];
        if (environment(Variable) is { Length: > 0 } named) return [Look(Variable, named, fileExists)];
        var places = new List<Place>();
        foreach (var (source, packages) in PackageFolders(environment, folders))
        {
            var place = Look(source, Path.Combine(packages, "torch"), fileExists);
            if (!places.Exists(seen => seen.Path == place.Path)) places.Add(place);
        }

        places.Add(new Place("system", FileName, false));
        return places;
    }

    private static Place Look(string source, string path, Func<string, bool> fileExists)
    {
        string[] files = [path, Path.Combine(path, "lib", FileName), Path.Combine(path, FileName), Path.Combine(path, "torch", "lib", FileName)];
        var file = Array.Find(files, candidate => IsLibrary(Path.GetFileName(candidate)) && fileExists(candidate));
        return new Place(source, file ?? path, file is not null);
    }

    /// <summary>Whether a file of this name can be libtorch; one that is named may carry its version (<c>libtorch_cpu.so.2.14</c>).</summary>
    private static bool IsLibrary(string name)
    {
        var extension = Path.GetExtension(FileName);
        return name.Contains("torch", StringComparison.Ordinal) && (name.EndsWith(extension, StringComparison.Ordinal) || name.Contains(extension + ".", StringComparison.Ordinal));
    }

    /// <summary>Folders that hold Python packages.</summary>
    private static IEnumerable<(string Source, string Folder)> PackageFolders(Func<string, string?> environment, Func<string, string[]> folders)
    {
        foreach (var variable in (string[])["VIRTUAL_ENV", "CONDA_PREFIX"])
        {
            if (environment(variable) is not { Length: > 0 } root) continue;
            yield return (variable, Path.Combine(root, "Lib", "site-packages"));
            foreach (var python in Versions(Path.Combine(root, "lib"), folders)) yield return (variable, Path.Combine(python, "site-packages"));
        }

        if (environment("HOME") is { Length: > 0 } home)
        {
            foreach (var python in Versions(Path.Combine(home, ".local", "lib"), folders)) yield return ("user's Python", Path.Combine(python, "site-packages"));
        }

        if (OperatingSystem.IsWindows())
        {
            if (environment("LOCALAPPDATA") is not { Length: > 0 } local) yield break;
            foreach (var python in Below(Path.Combine(local, "Programs", "Python"), folders)) yield return ("user's Python", Path.Combine(python, "Lib", "site-packages"));
            yield break;
        }

        foreach (var root in (string[])["/usr/local/lib", "/usr/lib", "/opt/conda/lib", "/opt/homebrew/lib"])
        {
            foreach (var python in Versions(root, folders))
            {
                yield return ("system's Python", Path.Combine(python, "site-packages"));
                yield return ("system's Python", Path.Combine(python, "dist-packages"));
            }
        }
    }

    /// <summary>A folder that may not be read (another user's environment, say) holds nothing for this process.</summary>
    private static string[] Below(string root, Func<string, string[]> folders)
    {
        try
        {
            return folders(root);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The folders python3, python3.13 and so on, the newest first.</summary>
    private static IEnumerable<string> Versions(string root, Func<string, string[]> folders) =>
        from folder in Below(root, folders)
        let name = Path.GetFileName(folder)
        where name.StartsWith("python3", StringComparison.Ordinal)
        orderby name.Length descending, name descending
        select folder;
}
