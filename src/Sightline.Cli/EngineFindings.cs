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
    public static EngineFindings Look()
    {
        var all = LibTorchSearch.Places();
        var first = all.TakeWhile(place => !place.IsFound).Count();
        var places = all.Take(first + 1).Select(place => $"{(place.IsFound ? "found" : place.Source == "system" ? "asked the system's loader for" : "not in")} {place.Path} ({place.Source})").ToList();
        SightlineException? problem = null;
        var engine = $"managed, on the processor ({EngineChoice.EngineVariable}=libtorch changes it)";
        try
        {
            if (EngineChoice.Device(Environment.GetEnvironmentVariable) is { } device) engine = EngineChoice.Open(device).Name;
        }
        catch (SightlineException error)
        {
            (engine, problem) = (error.Message, error);
        }

        string libtorch, gpu;
        string? folder = null;
        try
        {
            var open = LibTorchEngine.Open();
            libtorch = $"{open.Version}, {open.LibraryPath}, {open.Threads} threads";
            gpu = FindGpu();
            folder = Path.GetDirectoryName(open.LibraryPath);
        }
        catch (LibTorchException error)
        {
            (libtorch, gpu) = ($"none: {error.Message}; without it the managed engine does all work", "none: no libtorch");
        }

        return new EngineFindings(engine, libtorch, places, gpu, folder, problem);
    }

    private static string FindGpu()
    {
        try
        {
            return LibTorchEngine.Open(new TorchDevice(true, 0)).Device.ToString();
        }
        catch (Exception error) when (error is LibTorchException or OutOfMemoryException)
        {
            return $"none: {error.Message}";
        }
    }
}
