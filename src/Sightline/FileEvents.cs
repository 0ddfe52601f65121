using System.Diagnostics.Tracing;

namespace Sightline;

/// <summary>Tells traces (<c>dotnet-trace collect --providers Sightline-Files</c>) when a file lies whole beside its place, and when it has come into it.</summary>
[EventSource(Name = "Sightline-Files")]
internal sealed class FileEvents : EventSource
{
    private FileEvents()
    {
    }

    public static FileEvents Log { get; } = new();

    /// <summary>A file has been written and flushed under its temporary name.</summary>
    [Event(1, Level = EventLevel.Informational)]
    public void Written(string path)
    {
        if (IsEnabled()) WriteEvent(1, path);
    }

    /// <summary>The file has its own name.</summary>
    [Event(2, Level = EventLevel.Informational)]
    public void Moved(string path)
    {
        if (IsEnabled()) WriteEvent(2, path);
    }
}
