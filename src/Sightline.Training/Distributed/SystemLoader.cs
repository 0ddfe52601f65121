using System.Runtime.InteropServices;

namespace Sightline.Training.Distributed;

/// <summary>Loads libraries that may not be there.</summary>
internal static class SystemLoader
{
    /// <summary>Loads a file, or a name that the system's loader looks up; 0 where that cannot be, and what the loader says then.</summary>
    public static nint TryLoad(string path, out string reason)
    {
        reason = "";
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            // the runtime's general advice comes first, what the system's loader says last
            var said = error.Message.AsSpan().TrimEnd();
            said = said[(said.LastIndexOf('\n') + 1)..];
            reason = (said.StartsWith($"{path}: ", StringComparison.Ordinal) ? said[(path.Length + 2)..] : said).ToString();
            return 0;
        }
    }
}
