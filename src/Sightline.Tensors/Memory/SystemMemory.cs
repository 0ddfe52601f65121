using System.Globalization;

namespace Sightline.Tensors.Memory;

/// <summary>
/// The memory that this process can still get. Linux promises more than it has and kills a process that takes the promise at its word, so large
/// requests are compared with what is there before they are made.
/// </summary>
public static class SystemMemory
{
    private const string CgroupRoot = "/sys/fs/cgroup";

    /// <summary>In place of the system's answer, for tests.</summary>
    internal static Func<long?>? Override { get; set; }

    /// <summary>
    /// Bytes that can be taken without swapping, the file cache counted as free: <c>MemAvailable</c> of Linux, or what the limits of the process's
    /// control groups (v2) leave, if that is less. Null where the system does not say.
    /// </summary>
    public static long? AvailableBytes
    {
        get
        {
            if (Override is { } answer) return answer();
            if (!OperatingSystem.IsLinux()) return null;
            try
            {
                return Least(Field("/proc/meminfo", "MemAvailable:") * 1024, InGroups());
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>Ends with what is missing unless the system has this much.</summary>
    /// <param name="bytes">What will be taken.</param>
    /// <exception cref="OutOfMemoryException">It has less; the message says how much is needed and how much there is.</exception>
    public static void Require(long bytes)
    {
        if (AvailableBytes is { } free && bytes > free) throw new OutOfMemoryException($"{Gigabytes(bytes)} are needed and {Gigabytes(free)} are free");
    }

    /// <summary>For sentences: <c>1.3 GB</c>.</summary>
    internal static string Gigabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0#} GB");

    private static long? InGroups()
    {
        if (!File.Exists("/proc/self/cgroup")) return null;
        var own = File.ReadLines("/proc/self/cgroup").FirstOrDefault(line => line.StartsWith("0::/", StringComparison.Ordinal));
        long? least = null;
        for (var path = own?[3..]; path is not null; path = path.Length > 1 ? Path.GetDirectoryName(path) : null)
        {
            var group = CgroupRoot + path.TrimEnd('/');
            if (Number($"{group}/memory.max") is not { } limit || Number($"{group}/memory.current") is not { } used) continue;
            var files = Field($"{group}/memory.stat", "inactive_file") + Field($"{group}/memory.stat", "active_file");
            least = Least(least, Math.Max(0, limit - used + (files ?? 0)));
        }

        return least;
    }

    private static long? Least(long? a, long? b) => a is { } x && b is { } y ? Math.Min(x, y) : a ?? b;

    private static long? Number(string path) => File.Exists(path) && long.TryParse(File.ReadAllText(path), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static long? Field(string path, string name)
    {
        if (!File.Exists(path)) return null;
        foreach (var line in File.ReadLines(path))
        {
            if (!line.StartsWith(name, StringComparison.Ordinal)) continue;
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return words.Length > 1 && long.TryParse(words[1], CultureInfo.InvariantCulture, out var number) ? number : null;
        }

        return null;
    }
}
