using System.Diagnostics.Tracing;
using System.Globalization;

namespace Sightline.Cli.Tests;

/// <summary>
/// Does something at a chosen event of <c>Sightline-Files</c> and <c>Sightline-Tuning</c>, within the event. EVENT:N is the N-th event of that name, EVENT:N:TEXT the
/// N-th that speaks of a file with such a path.
/// </summary>
internal sealed class EventTrigger(string point, Action act) : EventListener
{
    private readonly string[] _wanted = point.Split(':', 3);
    private int _met;

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name is "Sightline-Files" or "Sightline-Tuning") EnableEvents(eventSource, EventLevel.Informational);
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventName != _wanted[0]) return;
        if (_wanted.Length > 2 && !((string)eventData.Payload![0]!).Contains(_wanted[2], StringComparison.Ordinal)) return;
        if (Interlocked.Increment(ref _met) == int.Parse(_wanted[1], CultureInfo.InvariantCulture)) act();
    }
}
