using System.Runtime.InteropServices;

namespace Sightline.Checkpoints;

/// <summary>
/// The pages of a mapped file that a process has touched count as its memory until they are let go. Converting or quantizing a large
/// checkpoint would so take the memory of both forms.
/// </summary>
internal static partial class MappedPages
{
    private const long Smallest = 1 << 20;
    private const int DontNeed = 4; // MADV_DONTNEED of sys/mman.h
    private static bool s_missing;

    /// <summary>Lets whole pages go; they stay in the file cache and come back when they are read again. Does nothing where the system has no such call.</summary>
    public static void Release(nint start, long bytes)
    {
        if (bytes < Smallest || s_missing || !OperatingSystem.IsLinux()) return;
        nint page = Environment.SystemPageSize;
        var first = (start + page - 1) / page * page;
        var end = (nint)(start + bytes) / page * page;
        try
        {
            _ = Advise(first, (nuint)(end - first), DontNeed);
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            s_missing = true; // a libc of another name: memory is let go when the file is closed
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
