using System.Globalization;
using System.Runtime.InteropServices;

namespace Sightline.Cli;

/// <summary>The machine in words, as it is written beside every measured number.</summary>
internal static class Machine
{
    /// <summary>The processor's name, or its architecture where the system does not tell.</summary>
    public static string ProcessorName
    {
        get
        {
            const string Path = "/proc/cpuinfo";
            if (File.Exists(Path))
            {
                foreach (var line in File.ReadLines(Path))
                {
                    if (line.StartsWith("model name", StringComparison.Ordinal)) return line[(line.IndexOf(':') + 1)..].Trim();
                }
            }

            return RuntimeInformation.ProcessArchitecture.ToString();
        }
    }

    /// <summary>Memory that this process may use.</summary>
    public static long MemoryBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>One line.</summary>
    public static string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"{ProcessorName}, {Environment.ProcessorCount} cores, {MemoryBytes / (double)(1L << 30):0.0} GiB, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}");
}
