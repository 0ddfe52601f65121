using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Sightline.Tensors.Libraries;

namespace Sightline.Training.Distributed;

/// <summary>Finds Open MPI, when something asks for it. <c>SIGHTLINE_MPI</c> may name the library file.</summary>
public static unsafe class MpiLibrary
{
    /// <summary>The environment variable with the path of the library.</summary>
    public const string PathVariable = "SIGHTLINE_MPI";

    private static readonly Lazy<MpiFinding> Finding = new(() => Look(Environment.GetEnvironmentVariable(PathVariable)), LazyThreadSafetyMode.ExecutionAndPublication);
    private static nint s_library;

    /// <summary>What is there, for <c>sightline doctor</c>: nothing is started.</summary>
    public static MpiFinding Find() => Finding.Value;

    /// <summary>Throws when Open MPI is not there.</summary>
    /// <exception cref="SightlineException">MissingLibrary, with what to install.</exception>
    internal static void Require()
    {
        if (Find().Problem is { } problem) throw new SightlineException(ErrorKind.MissingLibrary, problem);
    }

    /// <summary>The address of an exported object, which is its handle.</summary>
    internal static nint Handle(string symbol) => NativeLibrary.GetExport(s_library, symbol);

    /// <summary>Looks at a file that is named, or at the usual places.</summary>
    internal static MpiFinding Look(string? named)
    {
        var isNamed = !string.IsNullOrEmpty(named);
        string[] candidates = isNamed ? [named!]
            : OperatingSystem.IsMacOS() ? ["libmpi.40.dylib", "/opt/homebrew/lib/libmpi.40.dylib", "/usr/local/lib/libmpi.40.dylib"]
            : ["libmpi.so.40", "/usr/lib64/openmpi/lib/libmpi.so.40"]; // the second: Fedora and its relatives
        var reasons = new List<string>();
        var found = Array.Find(candidates, candidate => CanLoad(candidate, reasons));
        var tried = string.Join(", ", reasons);
        if (found is null) return new MpiFinding(null, tried, Missing(tried), isNamed);
        NativeLibrary.SetDllImportResolver(typeof(MpiLibrary).Assembly, Resolve);
        var text = stackalloc byte[MpiNative.LongestText];
        int length;
        _ = MpiNative.MPI_Get_library_version(text, &length);
        var version = Encoding.UTF8.GetString(text, length).TrimEnd('\0');
        return new MpiFinding(version.Split(',')[0].Replace(" v", " ", StringComparison.Ordinal), found, null, isNamed);
    }

    /// <summary>Loads a file, or says why it cannot be or is none of Open MPI's.</summary>
    private static bool CanLoad(string candidate, List<string> reasons)
    {
        var library = SystemLoader.TryLoad(candidate, out var reason);
        if (library != 0 && NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out _))
        {
            s_library = library;
            return true;
        }

        reasons.Add($"{candidate} ({(library == 0 ? reason : "another MPI, or none")})");
        return false;
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search) => name == MpiNative.Mpi ? s_library : 0;

    private static string Missing(string tried) =>
        $"Open MPI is needed for several processes and was not found ({tried}): run 'sudo apt-get install --no-install-recommends openmpi-bin libopenmpi3', or set {PathVariable} to the path of libmpi.so.40";
}

/// <summary>What was found of Open MPI.</summary>
/// <param name="Version">As it calls itself, such as "Open MPI 4.1.4"; null where it was not found.</param>
/// <param name="Tried">The name or path under which it was found; all that were looked for where it was not, each with the reason.</param>
/// <param name="Problem">A sentence that says what to do; null where it was found.</param>
/// <param name="IsNamed">Whether the user said where it is: nothing else was looked at, and a problem is the user's.</param>
public sealed record MpiFinding(string? Version, string Tried, string? Problem, bool IsNamed);
