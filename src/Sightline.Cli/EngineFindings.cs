using Sightline.Tensors.LibTorch;

namespace Sightline.Cli;

/// <summary>What <c>sightline doctor</c> says of the engines: which one computes, and what was found of libtorch.</summary>
/// <param name="Engine">The engine that commands use.</param>
/// <param name="LibTorch">Version and file, or that there is none.</param>
/// <param name="Places">Where libtorch was looked for, in order.</param>
/// <param name="Gpu">A GPU that libtorch can use, or why there is none.</param>
/// <param name="LibTorchFolder">The folder of libtorch's files; null where it was not found.</param>
/// <param name="Problem">Why the engine that the environment asks for cannot be used; null where it can.</param>
internal sealed record EngineFindings(string Engine, string LibTorch, IReadOnlyList<string> Places, string Gpu, string? LibTorchFolder, SightlineException? Problem)
{
    /// <summary>Looks for libtorch and opens what is asked for.</summary>
    /// <param name="open">Opens libtorch on a device; null: as commands do.</param>
    public static EngineFindings Look(Func<TorchDevice, LibTorchEngine>? open = null)
    {
        open ??= static device => LibTorchEngine.Open(device);
        var all = LibTorchSearch.Places();
        var first = all.TakeWhile(place => !place.IsFound).Count();
        var places = all.Take(first + 1).Select(place => $"{(place.IsFound ? "found" : place.Source == "system" ? "asked the system's loader for" : "not in")} {place.Path} ({place.Source})").ToList();
        SightlineException? problem = null;
        var engine = $"managed, on the processor ({EngineChoice.EngineVariable}=libtorch changes it)";
        try
        {
            if (EngineChoice.Device(Environment.GetEnvironmentVariable) is { } device) engine = EngineChoice.Open(device, open).Name;
        }
        catch (SightlineException error)
        {
            (engine, problem) = (error.Message, error);
        }

        string libtorch, gpu;
        string? folder = null;
        try
        {
            var processor = open(default);
            libtorch = $"{processor.Version}, {processor.LibraryPath}, {processor.Threads} threads";
            gpu = FindGpu(open);
            folder = Path.GetDirectoryName(processor.LibraryPath);
        }
        catch (LibTorchException error)
        {
            (libtorch, gpu) = (problem is null ? $"none: {error.Message}; without it the managed engine does all work" : "none, though the engine needs it", "none: no libtorch");
        }

        return new EngineFindings(engine, libtorch, places, gpu, folder, problem);
    }

    private static string FindGpu(Func<TorchDevice, LibTorchEngine> open)
    {
        try
        {
            return open(new TorchDevice(true, 0)).Device.ToString();
        }
        catch (Exception error) when (error is LibTorchException or OutOfMemoryException)
        {
            return $"none: {error.Message}";
        }
    }
}
