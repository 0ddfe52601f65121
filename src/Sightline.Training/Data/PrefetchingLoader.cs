using System.Diagnostics;

namespace Sightline.Training.Data;

/// <summary>How a <see cref="PrefetchingLoader{T}"/> works.</summary>
public sealed record PrefetchOptions
{
    /// <summary>Threads that prepare samples. The order and content of what comes out do not depend on it.</summary>
    public int Threads { get; init; } = 2;

    /// <summary>The most samples that are ready or being made at a time: what bounds the memory.</summary>
    public int Capacity { get; init; } = 16;
}

/// <summary>How well a loader kept up. The share of waiting near 0 says that the consumer, not the loader, sets the pace.</summary>
/// <param name="Samples">Samples handed out.</param>
/// <param name="WaitSeconds">Time the consumer stood in <see cref="PrefetchingLoader{T}.Next"/> because nothing was ready.</param>
/// <param name="ElapsedSeconds">Time since the first call of Next returned.</param>
/// <param name="LoadSeconds">Time the threads spent making samples, summed over threads.</param>
public readonly record struct LoaderStatistics(long Samples, double WaitSeconds, double ElapsedSeconds, double LoadSeconds)
{
    /// <summary>Waiting as a share of elapsed time, 0..1.</summary>
    public double WaitShare => ElapsedSeconds > 0 ? Math.Min(1, WaitSeconds / ElapsedSeconds) : 0;
}

/// <summary>
/// Makes samples on background threads ahead of the training step and hands them out in order. A sample is a pure function
/// of its position, so the position is the whole state: a loader started at the saved <see cref="Position"/> goes on
/// with exactly the sample that would have come next, with any number of threads. One consumer.
/// </summary>
public sealed class PrefetchingLoader<T> : IDisposable
{
    private readonly Func<long, CancellationToken, T> _load;
    private readonly Func<long, string> _nameOf;
    private readonly Slot[] _slots;
    private readonly Thread[] _threads;
    private readonly CancellationTokenSource _stop = new();
    private readonly long _end;
    private readonly object _gate = new();
    private long _next; // the position that a free thread takes up
    private long _position;
    private long _samples, _waitTicks, _loadTicks, _startedAt;
    private bool _disposed;

    private struct Slot
    {
        public bool Ready;
        public T Value;
        public Exception? Error;
    }

    /// <summary>Starts loading at once.</summary>
    /// <param name="load">Makes the sample at a position; called from several threads at a time, must depend on the position alone.</param>
    /// <param name="nameOf">Names the sample at a position for error messages.</param>
    /// <param name="options">Threads and memory.</param>
    /// <param name="start">The first position: 0, or the saved <see cref="Position"/> of an interrupted run.</param>
    /// <param name="count">Positions from <paramref name="count"/> on do not exist; null for an endless sequence.</param>
    public PrefetchingLoader(Func<long, CancellationToken, T> load, Func<long, string> nameOf, PrefetchOptions? options = null, long start = 0, long? count = null)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(nameOf);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        options ??= new PrefetchOptions();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Threads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Capacity);
        (_load, _nameOf) = (load, nameOf);
        (_next, _position, _end) = (start, start, count ?? long.MaxValue);
        _slots = new Slot[options.Capacity];
        _threads = new Thread[options.Threads];
        for (var i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work) { IsBackground = true, Name = $"sample loader {i}" };
            _threads[i].Start();
        }
    }

    /// <summary>The position of the sample that <see cref="Next"/> gives next: save it to resume.</summary>
    public long Position
    {
        get
        {
            lock (_gate) return _position;
        }
    }

    /// <summary>How well the loader kept up so far.</summary>
    public LoaderStatistics Statistics
    {
        get
        {
            lock (_gate)
            {
                var elapsed = _startedAt == 0 ? 0 : Stopwatch.GetElapsedTime(_startedAt).TotalSeconds;
                return new LoaderStatistics(_samples, (double)_waitTicks / Stopwatch.Frequency, elapsed, (double)_loadTicks / Stopwatch.Frequency);
            }
        }
    }

    /// <summary>Gives the next sample, or false at the end.</summary>
    /// <exception cref="SightlineException">The sample could not be made; the message names it. The position does not move, so the next call says the same.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting; the position does not move.</exception>
    public bool TryNext(out T sample, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        // wakes a waiting consumer; registering once a call costs little beside a sample
        using var wake = cancellation.UnsafeRegister(static gate =>
        {
            lock (gate!) Monitor.PulseAll(gate);
        }, _gate);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            sample = default!;
            if (_position >= _end) return false;
            ref var slot = ref _slots[_position % _slots.Length];
            if (!slot.Ready)
            {
                var from = Stopwatch.GetTimestamp();
                while (!slot.Ready)
                {
                    cancellation.ThrowIfCancellationRequested();
                    ObjectDisposedException.ThrowIf(_disposed, this);
                    Monitor.Wait(_gate);
                }

                // filling the queue for the first time is start-up, not waiting
                if (_startedAt != 0) _waitTicks += Stopwatch.GetTimestamp() - from;
            }

            if (_startedAt == 0) _startedAt = Stopwatch.GetTimestamp();
            if (slot.Error is { } error) throw Describe(error, _position);
            sample = slot.Value;
            slot = default;
            _position++;
            _samples++;
            Monitor.PulseAll(_gate);
            return true;
        }
    }

    /// <summary>Gives the next sample of an endless sequence.</summary>
    /// <exception cref="SightlineException">As <see cref="TryNext"/>.</exception>
    /// <exception cref="InvalidOperationException">The sequence has ended.</exception>
    public T Next(CancellationToken cancellation = default) =>
        TryNext(out var sample, cancellation) ? sample : throw new InvalidOperationException($"the sequence ended at position {_end}");

    /// <summary>Stops the threads and waits for them. Samples that were made and not taken are disposed.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            _stop.Cancel();
            Monitor.PulseAll(_gate);
        }

        foreach (var thread in _threads) thread.Join();
        foreach (var slot in _slots)
        {
            if (slot.Ready && slot.Value is IDisposable value) value.Dispose();
        }

        _stop.Dispose();
    }

    private void Work()
    {
        while (TryTake(out var position))
        {
            var slot = new Slot { Ready = true };
            var from = Stopwatch.GetTimestamp();
            try
            {
                slot.Value = _load(position, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // it belongs to this sample, and is told when the consumer gets there
                slot.Error = e;
            }

            lock (_gate)
            {
                _loadTicks += Stopwatch.GetTimestamp() - from;
                _slots[position % _slots.Length] = slot;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool TryTake(out long position)
    {
        lock (_gate)
        {
            while (!_disposed && _next < _end && _next >= _position + _slots.Length) Monitor.Wait(_gate);
            position = _next;
            if (_disposed || _next >= _end) return false;
            _next++;
            return true;
        }
    }

    private SightlineException Describe(Exception error, long position)
    {
        var kind = error switch
        {
            SightlineException known => known.Kind,
            OutOfMemoryException => ErrorKind.OutOfMemory,
            _ => ErrorKind.Internal,
        };
        return new SightlineException(kind, $"sample {position} ({_nameOf(position)}): {error.Message}", error);
    }
}
