using System.Diagnostics;

namespace Sightline.Cli.Tests;

/// <summary>The tool in a process of its own, as a user starts it.</summary>
internal static class ToolProcess
{
    /// <summary>The exit code of a process that was killed.</summary>
    public static readonly int Killed = OperatingSystem.IsWindows() ? -1 : 128 + 9;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(4);

    /// <summary>Starts it; <see cref="End"/> waits for it.</summary>
    /// <param name="kill">A <see cref="KillPoint"/>, or null to let it live.</param>
    /// <param name="arguments">Those of the tool.</param>
    public static Process Start(string? kill, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Sightline.Cli.dll"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (kill is not null) KillPoint.Set(start, kill);
        return Process.Start(start)!;
    }

    /// <summary>What became of it.</summary>
    public static async Task<CommandLineRun> End(Process process)
    {
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(s_limit, TestContext.Current.CancellationToken);
        return new CommandLineRun(process.ExitCode, await output, await error);
    }

    /// <summary>Starts it and waits for it.</summary>
    public static async Task<CommandLineRun> Run(string? kill, params string[] arguments)
    {
        using var process = Start(kill, arguments);
        return await End(process);
    }
}
