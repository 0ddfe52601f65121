namespace Sightline.Training.Runs;

/// <summary>Pictures a second and the time left, over a window of recent steps.</summary>
internal sealed class SpeedMeter(TimeProvider clock)
{
    private const int Window = 50;
    private readonly Queue<(long At, int Pictures, TimeSpan Waited)> _recent = new();
    private long _last = clock.GetTimestamp();

    public double PerSecond { get; private set; }

    public double WaitShare { get; private set; }

    private double SecondsPerStep { get; set; }

    public void Tick(int pictures, TimeSpan waited)
    {
        var now = clock.GetTimestamp();
        if (_recent.Count == 0) _recent.Enqueue((_last, 0, TimeSpan.Zero));
        _recent.Enqueue((now, pictures, waited));
        if (_recent.Count > Window) _recent.Dequeue();
        var first = _recent.Peek();
        var seconds = Math.Max(clock.GetElapsedTime(first.At, now).TotalSeconds, 1e-9);
        PerSecond = (_recent.Sum(entry => entry.Pictures) - first.Pictures) / seconds;
        WaitShare = (_recent.Sum(entry => entry.Waited.TotalSeconds) - first.Waited.TotalSeconds) / seconds;
        SecondsPerStep = seconds / (_recent.Count - 1);
        _last = now;
    }

    /// <summary>Forgets the window, after a pause that is not training.</summary>
    public void Restart()
    {
        _recent.Clear();
        _last = clock.GetTimestamp();
    }

    public TimeSpan Remaining(int steps) => TimeSpan.FromSeconds(SecondsPerStep * steps);
}
