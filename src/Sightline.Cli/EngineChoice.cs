using Sightline.Tensors;
using Sightline.Tensors.LibTorch;

namespace Sightline.Cli;

/// <summary>
/// Which engine computes, for every command: <c>SIGHTLINE_ENGINE</c> is <c>cpu</c> (the managed one, also when it is not set) or <c>libtorch</c>, and
/// <c>SIGHTLINE_DEVICE</c> says where libtorch computes: <c>cpu</c> (also when it is not set), <c>cuda</c> or <c>cuda:N</c>.
/// </summary>
internal static class EngineChoice
{
    public const string EngineVariable = "SIGHTLINE_ENGINE";
    public const string DeviceVariable = "SIGHTLINE_DEVICE";

    /// <summary>Makes the engine that the environment names the one of new tensors.</summary>
    /// <exception cref="SightlineException">Usage: a name that is none. MissingLibrary: libtorch is asked for and missing, too old, or without that device.</exception>
    public static void Apply()
    {
        if (Device(Environment.GetEnvironmentVariable) is { } device) Engine.Default = Open(device);
    }

    /// <summary>The device of libtorch that is asked for; null: the managed engine.</summary>
    /// <exception cref="SightlineException">Usage: a name that is none.</exception>
    public static TorchDevice? Device(Func<string, string?> environment)
    {
        var (engine, device) = (environment(EngineVariable), environment(DeviceVariable));
        if (string.IsNullOrEmpty(engine)) engine = "cpu";
        if (engine is not ("cpu" or "libtorch")) throw new SightlineException(ErrorKind.Usage, $"{EngineVariable} is '{engine}': there are cpu and libtorch");
        if (string.IsNullOrEmpty(device)) return engine == "cpu" ? null : default(TorchDevice);
        TorchDevice parsed;
        try
        {
            parsed = TorchDevice.Parse(device);
        }
        catch (FormatException)
        {
            throw new SightlineException(ErrorKind.Usage, $"{DeviceVariable} is '{device}': there are cpu, cuda and cuda:N");
        }

        if (engine == "libtorch") return parsed;
        return parsed.IsCuda ? throw new SightlineException(ErrorKind.Usage, $"{DeviceVariable} is '{device}', but the managed engine computes on the processor: set {EngineVariable}=libtorch") : null;
    }

    /// <summary>libtorch on a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="open">Opens it; null: libtorch.</param>
    /// <exception cref="SightlineException">MissingLibrary: libtorch is missing, too old, or without that device. OutOfMemory: the device has no memory left to begin with.</exception>
    public static LibTorchEngine Open(TorchDevice device, Func<TorchDevice, LibTorchEngine>? open = null)
    {
        try
        {
            return open is null ? LibTorchEngine.Open(device) : open(device);
        }
        catch (LibTorchException error)
        {
            throw new SightlineException(ErrorKind.MissingLibrary, error.Message, error);
        }
        catch (OutOfMemoryException error)
        {
            throw new SightlineException(ErrorKind.OutOfMemory, $"{device} has no memory left to begin with: end what else uses it, or set {DeviceVariable} to another ({error.Message.ReplaceLineEndings(" ")})", error);
        }
    }
}
