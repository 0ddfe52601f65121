using Sightline.Cli.Output;
using Sightline.Training.Distributed;

namespace Sightline.Cli;

/// <summary>
/// This process among those that <c>mpirun</c> started, or by itself. Rank 0 speaks to people and writes files; the others are silent, unless one of them alone
/// cannot go on.
/// </summary>
internal sealed class RankedProcess : IDisposable
{
    // how long a rank that failed gives rank 0 to say the same: what is wrong with a recipe is said once
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly TextWriter _error;
    private readonly (int Rank, int Size) _launched;

    private RankedProcess(Terminal terminal, (int Rank, int Size) launched)
    {
        _error = terminal.Error;
        _launched = launched;
        Terminal = launched.Rank == 0 ? terminal : new Terminal(TextWriter.Null, TextWriter.Null, isInteractive: false);
    }

    /// <summary>Where this process writes.</summary>
    public Terminal Terminal { get; }

    /// <summary>Whether there are others.</summary>
    public bool HasOthers => _launched.Size > 1;

    /// <summary>All of them, after <see cref="Join"/>; this one alone before, and where there are no others.</summary>
    public Communicator Ranks { get; private set; } = Communicator.Alone;

    /// <summary>A process that is by itself, whoever started it.</summary>
    public static RankedProcess Alone(Terminal terminal) => new(terminal, (0, 1));

    /// <summary>This process as it was started.</summary>
    public static RankedProcess OfProcess()
    {
        // mpirun gives processes a terminal for stdout, wherever its own goes, and .NET begins on a terminal with codes for its keyboard: they would stand before the JSON
        if (MpiCommunicator.IsLaunched) Environment.SetEnvironmentVariable("TERM", null);
        return new RankedProcess(Terminal.OfProcess(), MpiCommunicator.Launched);
    }

    /// <summary>Joins the others, if there are any.</summary>
    /// <exception cref="SightlineException">MissingLibrary: Open MPI is not there.</exception>
    public void Join()
    {
        if (HasOthers) Ranks = MpiCommunicator.Join();
    }

    /// <summary>Says what went wrong, and ends the others, too: they would wait for ever.</summary>
    /// <returns>The exit code.</returns>
    public int Fail(int code, string sentence, string? details = null)
    {
        if (_launched.Rank > 0)
        {
            Thread.Sleep(Patience);
            sentence = $"{sentence} (process {_launched.Rank} of {_launched.Size})";
        }

        _error.WriteLine($"error: {sentence}");
        if (details is not null) _error.WriteLine(details);
        _error.Flush();
        Ranks.Abort(code);
        return code;
    }

    /// <summary>Ends the others after this process was cancelled, where they do not know of it: they would wait for ever.</summary>
    public void Stop()
    {
        if (!Ranks.HasStopped) Ranks.Abort(ExitCode.Interrupted);
    }

    /// <summary>Waits for the others and leaves.</summary>
    public void Dispose() => Ranks.Dispose();
}
