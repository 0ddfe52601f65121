using System.Runtime.InteropServices;

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
            if (place.Source is "named" or LibTorchSearch.Variable) throw new LibTorchException($"no {LibTorchSearch.FileName} in {place.Path} ({place.Source}): give the folder of libtorch or of Python's torch package");
        }

        if (NativeLibrary.TryLoad(LibTorchSearch.FileName, out _)) return LibTorchSearch.FileName;
        throw new LibTorchException($"libtorch was not found in any of {places.Count} places (sightline doctor lists them): install PyTorch {LibTorchLibrary.Oldest} or later, or set {LibTorchSearch.Variable} to its folder");
    }

    /// <summary>The kernels for GPUs are a library of their own beside the first, and announce themselves when it is loaded.</summary>
    private static bool LoadCuda(LibTorchLibrary native)
    {
        var name = LibTorchSearch.FileName.Replace("torch_cpu", "torch_cuda", StringComparison.Ordinal);
        var file = Path.Combine(Path.GetDirectoryName(native.Path) ?? "", name);
        return NativeLibrary.TryLoad(file, out _)
            ? true
            : throw new LibTorchException($"libtorch {native.Version} at {native.Path} is built for the processor only: {name} is not beside it, or its CUDA libraries are missing");
    }
}
