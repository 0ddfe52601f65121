using System.Runtime.InteropServices;

namespace Sightline.Cli;

/// <summary>
/// Ctrl-C and a polite kill ask the running command to finish what it holds (a training run saves); the second one ends
/// the process at once. SIGUSR1 does the same: it is the signal that mpirun passes on as it comes.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration? _passedOn;

    public Interrupt()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        const int Linux = 10, MacOS = 30; // SIGUSR1, for which .NET has no name
        if (!OperatingSystem.IsWindows()) _passedOn = PosixSignalRegistration.Create((PosixSignal)(OperatingSystem.IsMacOS() ? MacOS : Linux), OnSignal);
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _passedOn?.Dispose();
        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        if (_source.IsCancellationRequested) Environment.Exit(ExitCode.Interrupted);
        context.Cancel = true;
        _source.Cancel();
    }
}
