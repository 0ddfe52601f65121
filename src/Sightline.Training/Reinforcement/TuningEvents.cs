using System.Diagnostics.Tracing;

namespace Sightline.Training.Reinforcement;

/// <summary>Tells traces (<c>dotnet-trace collect --providers Sightline-Tuning</c>) where within a step a run is.</summary>
[EventSource(Name = "Sightline-Tuning")]
internal sealed class TuningEvents : EventSource
{
    private TuningEvents()
    {
    }

    public static TuningEvents Log { get; } = new();

    /// <summary>An answer has got one more token.</summary>
    /// <param name="index">Its number in the answer, from 0.</param>
    [Event(1, Level = EventLevel.Informational)]
    public void Sampled(int index)
    {
        if (IsEnabled()) WriteEvent(1, index);
    }

    /// <summary>An answer has its scores.</summary>
    [Event(2, Level = EventLevel.Informational)]
    public void Scored()
    {
        if (IsEnabled()) WriteEvent(2);
    }

    /// <summary>A backward pass has added its gradients.</summary>
    [Event(3, Level = EventLevel.Informational)]
    public void Backward()
    {
        if (IsEnabled()) WriteEvent(3);
    }

    /// <summary>The weights have been updated; the step is not counted yet.</summary>
    [Event(4, Level = EventLevel.Informational)]
    public void Updated()
    {
        if (IsEnabled()) WriteEvent(4);
    }
}
