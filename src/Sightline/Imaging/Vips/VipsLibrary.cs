using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sightline.Imaging.Vips;

/// <summary>
/// Finds and starts libvips once, when the first file needs it. <c>SIGHTLINE_LIBVIPS</c> may name the library file.
/// The optional loader modules of libvips (ImageMagick, poppler, ...) are not loaded: they read formats that are not
/// promised here, cost start-up time and widen what a hostile file can reach.
/// </summary>
internal static unsafe class VipsLibrary
{
    /// <summary>The environment variable with the path of the library.</summary>
    public const string PathVariable = "SIGHTLINE_LIBVIPS";

    private static readonly Lazy<string?> Failure = new(Start, LazyThreadSafetyMode.ExecutionAndPublication);
    private static nint _vips;

    /// <summary>Throws when libvips is not there.</summary>
    /// <exception cref="SightlineException">MissingLibrary, with what to install.</exception>
    public static void Require()
    {
        if (Failure.Value is { } reason) throw new SightlineException(ErrorKind.MissingLibrary, reason);
    }

    internal static string MissingMessage(string tried) =>
        $"libvips is needed to read and write picture files and was not found ({tried}): run 'sudo apt-get install --no-install-recommends libvips42', "
        + $"or set {PathVariable} to the path of libvips.so.42";

    private static string? Start()
    {
        var named = Environment.GetEnvironmentVariable(PathVariable);
        string[] candidates = !string.IsNullOrEmpty(named) ? [named]
            : OperatingSystem.IsWindows() ? ["libvips-42.dll"]
            : OperatingSystem.IsMacOS() ? ["libvips.42.dylib", "/opt/homebrew/lib/libvips.42.dylib", "/usr/local/lib/libvips.42.dylib"]
            : ["libvips.so.42"];
        foreach (var candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, typeof(VipsLibrary).Assembly, null, out _vips)) break;
        }

        if (_vips == 0) return MissingMessage(string.Join(", ", candidates));
        if (!NativeLibrary.TryGetExport(_vips, "vips_cache_operation_build", out _)) return MissingMessage($"{candidates[0]} is another library");
        NativeLibrary.SetDllImportResolver(typeof(VipsLibrary).Assembly, Resolve);

        // libvips looks for its modules under $VIPSHOME/lib: a folder that does not exist has none
        VipsNative.g_setenv("VIPSHOME", "/nonexistent", 1);
        var failed = VipsNative.vips_init("sightline") != 0;
        if (Environment.GetEnvironmentVariable("VIPSHOME") is { } before) VipsNative.g_setenv("VIPSHOME", before, 1);
        else VipsNative.g_unsetenv("VIPSHOME");
        if (failed) return $"libvips was found but does not start: {VipsOperation.TakeError()}";

        VipsNative.g_log_set_handler("VIPS", AllLevels, &Ignore, 0);
        VipsNative.vips_concurrency_set(1); // the callers run pictures in parallel, not parts of one
        VipsNative.vips_cache_set_max(0); // inputs are borrowed memory: no operation may outlive its call
        return null;
    }

    // every level (error 1<<2 ... debug 1<<7) but not the fatal and recursion flags, which GLib keeps to itself
    private const int AllLevels = 0xFC;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Ignore(byte* domain, int level, byte* message, nint data)
    {
        // failures are reported by return codes and the error buffer; warnings have no reader on a library's stderr
    }

    private static nint Resolve(string name, System.Reflection.Assembly assembly, DllImportSearchPath? search)
    {
        string[] candidates = name switch
        {
            VipsNative.Vips => [],
            VipsNative.GObject => ["libgobject-2.0.so.0", "libgobject-2.0-0.dll", "libgobject-2.0.0.dylib"],
            VipsNative.GLib => ["libglib-2.0.so.0", "libglib-2.0-0.dll", "libglib-2.0.0.dylib"],
            _ => ["?"],
        };
        if (candidates is ["?"]) return 0;
        foreach (var candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, assembly, search, out var handle)) return handle;
        }

        return _vips; // a build with GLib inside exports its functions too
    }
}
