using Sightline.Tensors.Libraries;

namespace Sightline.Training.Distributed.Nccl;

/// <summary>
/// Where NCCL (<c>libnccl.so.2</c>), which moves tensors between GPUs, is looked for: the file or folder in <c>SIGHTLINE_NCCL</c>; beside the libtorch that was found, where
/// the packages of PyTorch put it; what the system's loader finds by name (<c>LD_LIBRARY_PATH</c>, and what libtorch has already loaded). <c>SIGHTLINE_NCCL=none</c> does without.
/// </summary>
public static class NcclSearch
{
    /// <summary>The environment variable with a file or folder, or <see cref="None"/>.</summary>
    public const string Variable = "SIGHTLINE_NCCL";

    /// <summary>The variable's value for doing without NCCL.</summary>
    public const string None = "none";

    /// <summary>The library's file name; there is NCCL for Linux alone.</summary>
    public const string FileName = "libnccl.so.2";

    /// <summary>A place, and what is there.</summary>
    /// <param name="Source">Why it is looked at.</param>
    /// <param name="Path">A file that is there, a file or folder that is not, or a name for the system's loader.</param>
    /// <param name="IsFound">Whether the file is there; a name for the loader counts once it was loaded.</param>
    public sealed record Place(string Source, string Path, bool IsFound);

    /// <summary>All places; the first that holds a file is the one to load. What <see cref="Variable"/> names ends the search.</summary>
    /// <param name="torchFolder">The folder of libtorch's files; null where there is none.</param>
    public static IReadOnlyList<Place> Places(string? torchFolder) => Places(torchFolder, Environment.GetEnvironmentVariable, File.Exists);

    /// <summary>Loads the first that is there and asks it for its version, for <c>sightline doctor</c>: nothing is started.</summary>
    /// <param name="torchFolder">As there.</param>
    public static NcclFinding Find(string? torchFolder)
    {
        var (library, places, problem) = Open(Places(torchFolder));
        return new NcclFinding(library?.Version, library?.Path, [.. places.Select(Describe)], problem, places is [{ Source: Variable }]);
    }

    internal static IReadOnlyList<Place> Places(string? torchFolder, Func<string, string?> environment, Func<string, bool> fileExists)
    {
        if (environment(Variable) is { Length: > 0 } named)
        {
            if (named == None) return [];
            string[] files = [named, Path.Combine(named, FileName), Path.Combine(named, "lib", FileName)];
            var file = Array.Find(files, candidate => fileExists(candidate));
            return [new Place(Variable, file ?? named, file is not null)];
        }

        var places = new List<Place>();
        if (torchFolder is { Length: > 0 })
        {
            // torch/lib itself, and site-packages/nvidia/nccl/lib beside site-packages/torch/lib
            foreach (var file in (string[])[Path.Combine(torchFolder, FileName), Path.GetFullPath(Path.Combine(torchFolder, "..", "..", "nvidia", "nccl", "lib", FileName))])
                places.Add(new Place("beside libtorch", file, fileExists(file)));
        }

        places.Add(new Place("system", FileName, false));
        return places;
    }

    /// <summary>The library of the first place that has it; else what to do. With it, the places that were looked at.</summary>
    internal static (NcclLibrary? Library, IReadOnlyList<Place> Looked, string? Problem) Open(IReadOnlyList<Place> places)
    {
        if (places.Count == 0) return (null, places, $"{Variable} is {None}");
        for (var p = 0; p < places.Count; p++)
        {
            var place = places[p];
            if (!place.IsFound && place.Source != "system") continue;
            Place[] looked = [.. places.Take(p), place];
            if (!place.IsFound)
            {
                if (SystemLoader.TryLoad(place.Path, out var reason) == 0) return (null, looked, $"{FileName} was not found ({reason}): install NVIDIA's NCCL (PyTorch's packages for CUDA bring it) or set {Variable} to its path");
                looked[p] = place with { IsFound = true };
            }

            var (library, problem) = NcclLibrary.Load(place.Path);
            return (library, looked, problem);
        }

        return (null, places, SystemLoader.Denied(places[0].Path) is { } denied
            ? $"{denied}: {Variable} names it, and NCCL is looked for there"
            : $"no {FileName} at {places[0].Path} ({Variable}): give the file, its folder, or {None}");
    }

    private static string Describe(Place place) => $"{(place.IsFound ? "found" : place.Source == "system" ? "asked the system's loader for" : "not at")} {place.Path} ({place.Source})";
}

/// <summary>What was found of NCCL.</summary>
/// <param name="Version">As it says of itself; null where it cannot be used.</param>
/// <param name="Path">The file that was loaded.</param>
/// <param name="Looked">Where it was looked for, in order.</param>
/// <param name="Problem">A sentence that says why it cannot be used and what to do; null where it can.</param>
/// <param name="IsNamed">Whether the user said where it is: nothing else was looked at, and a problem is the user's.</param>
public sealed record NcclFinding(Version? Version, string? Path, IReadOnlyList<string> Looked, string? Problem, bool IsNamed);
