namespace Sightline.Training.Distributed.Nccl;

/// <summary>
/// Looks now and then whether a communicator has met an error while the GPU works: a lost connection would otherwise leave its kernels, and whoever waits for them, waiting for
/// ever. What still runs is then aborted, so that the waiting ends and <see cref="Require"/> says why. Owns the communicator.
/// </summary>
internal sealed class NcclWatch : IDisposable
{
    private readonly NcclLibrary _nccl;
    private readonly nint _communicator;
    private readonly TimeSpan _interval;
    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private SightlineException? _failure;

    public NcclWatch(NcclLibrary nccl, nint communicator, TimeSpan interval)
    {
        (_nccl, _communicator, _interval) = (nccl, communicator, interval);
        _thread = new Thread(Run) { IsBackground = true, Name = "NCCL watch" };
        _thread.Start();
    }

    /// <summary>Throws where the communicator has failed: what it brought is not to be used.</summary>
    /// <exception cref="SightlineException">Network.</exception>
    public void Require()
    {
        if (Look() is { } failure) throw new SightlineException(failure.Kind, failure.Message, failure);
    }

    /// <summary>Leaves the communicator, if it has not been aborted.</summary>
    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
        if (_failure is null) _nccl.Destroy(_communicator);
    }

    private void Run()
    {
        while (!_stop.Wait(_interval))
        {
            if (Look() is not null) return;
        }
    }

    private SightlineException? Look()
    {
        lock (_gate)
        {
            if (_failure is not null || _nccl.AsyncError(_communicator) is not { } failure) return _failure;
            _failure = failure;
            _nccl.Abort(_communicator);
            return failure;
        }
    }
}
