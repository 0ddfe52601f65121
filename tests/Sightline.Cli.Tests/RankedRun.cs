using System.ComponentModel;
using System.Diagnostics;

namespace Sightline.Cli.Tests;

/// <summary>Several processes of the tool, started by mpirun as a user starts them, one thread each.</summary>
internal sealed class RankedRun : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);
    private readonly Task<string> _out;
    private readonly Task<string> _error;

    private RankedRun(Process process)
    {
        Process = process;
        (_out, _error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
    }

    /// <summary>mpirun.</summary>
    public Process Process { get; }

    /// <summary>Processes of the tool that have been started, by their numbers in the system.</summary>
    public int[] Ranks => [.. File.ReadAllText($"/proc/{Process.Id}/task/{Process.Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];

    public static RankedRun Start(int ranks, params string[] arguments) => Start(["-np", $"{ranks}", .. Tool, .. arguments]);

    /// <summary>One process in each folder, with arguments of its own.</summary>
    public static async Task<CommandLineRun> OfEach(params (string Folder, string[] Arguments)[] each)
    {
        using var run = Start([.. each.SelectMany(one => (string[])[":", "-np", "1", "-wdir", one.Folder, .. Tool, .. one.Arguments]).Skip(1)]);
        return await run.End();
    }

    private static string[] Tool => ["dotnet", Path.Combine(AppContext.BaseDirectory, "Sightline.Cli.dll")];

    private static RankedRun Start(string[] what)
    {
        string[] command = ["--allow-run-as-root", "--oversubscribe", .. what];
        var start = new ProcessStartInfo("mpirun", command) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SIGHTLINE_THREADS"] = "1";
        start.Environment["TERM"] = "xterm"; // as people have it: .NET greets such terminals
        start.Environment["OMPI_MCA_hwloc_base_binding_policy"] = "none";
        try
        {
            return new RankedRun(Process.Start(start)!);
        }
        catch (Win32Exception error)
        {
            throw new InvalidOperationException("mpirun was not found, and several processes cannot be tested without it: run eng/install-openmpi.sh", error);
        }
    }

    public static async Task<CommandLineRun> Of(int ranks, params string[] arguments)
    {
        using var run = Start(ranks, arguments);
        return await run.End();
    }

    public async Task<CommandLineRun> End()
    {
        await Process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Limit, TestContext.Current.CancellationToken);
        return new CommandLineRun(Process.ExitCode, await _out, await _error);
    }

    public async Task Signal(string name, int process)
    {
        using var kill = System.Diagnostics.Process.Start("kill", [$"-{name}", $"{process}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public void Dispose()
    {
        if (!Process.HasExited) Process.Kill(entireProcessTree: true);
        Process.Dispose();
    }
}
