using System.Diagnostics;

namespace Sightline.Cli.Tests;

/// <summary>
/// Ends a process of the tool at a chosen event (<see cref="EventTrigger"/>), as kill -9 does. It comes into the process as a <see cref="StartupHook"/>: the tool itself knows
/// nothing of it.
/// </summary>
internal static class KillPoint
{
    private const string Variable = "SIGHTLINE_TEST_KILL";
    private static EventTrigger? s_armed;

    /// <summary>Has a process that is about to be started killed at an event.</summary>
    public static void Set(ProcessStartInfo start, string point)
    {
        start.Environment[Variable] = point;
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(KillPoint).Assembly.Location;
    }

    /// <summary>In the process that is to be killed.</summary>
    public static void Arm() => s_armed = new EventTrigger(Environment.GetEnvironmentVariable(Variable)!, Process.GetCurrentProcess().Kill);
}
