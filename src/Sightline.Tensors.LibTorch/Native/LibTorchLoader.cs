using Sightline.Tensors.Libraries;

namespace Sightline.Tensors.LibTorch.Native;

/// <summary>Loads libtorch once a process.</summary>
internal static class LibTorchLoader
{
    private static LibTorchLibrary? s_loaded;
    private static bool s_hasCuda;

    public static LibTorchLibrary Load(TorchDevice device, string? folder)
    {
        s_loaded ??= LibTorchLibrary.Load(Find(folder));
        if (device.IsCuda && !s_hasCuda) s_hasCuda = LoadCuda(s_loaded);
        return s_loaded;
    }

    /// <summary>The file to load, or its name for the system's loader.</summary>
    /// <exception cref="LibTorchException">None of the places has it.</exception>
    internal static string Find(string? folder)
    {
        var places = LibTorchSearch.Places(folder);
        foreach (var place in places)
        {
            if (place.IsFound) return place.Path;
            if (place.Source is "named" or LibTorchSearch.Variable) throw Nothing(place);
        }

        if (SystemLoader.TryLoad(LibTorchSearch.FileName, out var reason) != 0) return LibTorchSearch.FileName;
        throw new LibTorchException($"libtorch was not found in any of {places.Count} places (the system's loader says: {reason}): install PyTorch {LibTorchLibrary.Oldest} or later, or set {LibTorchSearch.Variable} to its folder");
    }

    private static LibTorchException Nothing(LibTorchSearch.Place place) => new(SystemLoader.Denied(place.Path) is { } denied
        ? $"{denied}: {place.Source} names it, and libtorch is looked for there"
        : $"no {LibTorchSearch.FileName} in {place.Path} ({place.Source}): give the folder of libtorch or of Python's torch package");

    private static bool LoadCuda(LibTorchLibrary native)
    {
        var library = TryLoadCuda(native.Path, out var problem);
        if (library == 0) throw new LibTorchException($"libtorch {native.Version} at {native.Path} {problem}");
        native.UseCuda(library);
        return true;
    }

    /// <summary>The kernels for GPUs are a library of their own beside the first, and announce themselves when it is loaded. 0 where they cannot be had, and why.</summary>
    internal static nint TryLoadCuda(string library, out string problem)
    {
        var first = Path.GetFileName(library);
        var name = (first.Contains("torch_cpu", StringComparison.Ordinal) ? first : LibTorchSearch.FileName).Replace("torch_cpu", "torch_cuda", StringComparison.Ordinal);
        var file = Path.Combine(Path.GetDirectoryName(library) ?? "", name);
        var loaded = SystemLoader.TryLoad(file, out var reason);
        problem = File.Exists(file)
            ? $"is built for GPUs, but {name} cannot be loaded: {LibTorchLibrary.Explain(reason)}"
            : $"is built for the processor only: {name} is not beside it";
        return loaded;
    }
}
