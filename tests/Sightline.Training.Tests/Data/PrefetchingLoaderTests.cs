using System.Diagnostics;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

public class PrefetchingLoaderTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(7, 4)]
    [InlineData(3, 32)]
    public void OrderAndContentDoNotDependOnThreads(int threads, int capacity)
    {
        // samples take uneven times, so threads finish out of order
        using var loader = Make((i, _) =>
        {
            Thread.SpinWait((int)(i * 7919 % 13) * 2000);
            return i * i;
        }, new PrefetchOptions { Threads = threads, Capacity = capacity }, count: 200);
        for (var i = 0L; i < 200; i++)
        {
            Assert.Equal(i, loader.Position);
            Assert.True(loader.TryNext(out var value));
            Assert.Equal(i * i, value);
        }

        Assert.False(loader.TryNext(out _));
        Assert.Throws<InvalidOperationException>(() => loader.Next());
        Assert.Equal(200, loader.Statistics.Samples);
    }

    [Fact]
    public void ThePositionIsTheWholeState()
    {
        using var first = Make((i, _) => $"s{i}", new PrefetchOptions { Threads = 3, Capacity = 5 });
        for (var i = 0; i < 17; i++) first.Next();
        var saved = first.Position;
        var expected = first.Next();
        using var resumed = Make((i, _) => $"s{i}", new PrefetchOptions { Threads = 1, Capacity = 2 }, start: saved);
        Assert.Equal(expected, resumed.Next());
        Assert.Equal("s18", resumed.Next());
    }

    [Fact]
    public void NeverMoreThanTheCapacityIsAhead()
    {
        var made = 0L;
        using var loader = Make((i, _) =>
        {
            Interlocked.Exchange(ref made, Math.Max(Interlocked.Read(ref made), i));
            return i;
        }, new PrefetchOptions { Threads = 4, Capacity = 6 });
        for (var i = 0; i < 50; i++)
        {
            loader.Next();
            Assert.True(Interlocked.Read(ref made) < loader.Position + 6);
        }
    }

    [Fact]
    public void AnErrorComesAtItsSampleAndNamesIt()
    {
        using var loader = Make((i, _) => i switch
        {
            5 => throw new SightlineException(ErrorKind.BadPicture, "the file is damaged"),
            9 => throw new FormatException("odd"),
            _ => i,
        }, new PrefetchOptions { Threads = 3, Capacity = 8 });
        for (var i = 0; i < 5; i++) loader.Next();
        var error = Assert.Throws<SightlineException>(() => loader.Next());
        Assert.Equal((ErrorKind.BadPicture, "sample 5 (picture 5): the file is damaged"), (error.Kind, error.Message));
        Assert.Equal(5, loader.Position);
        Assert.Throws<SightlineException>(() => loader.Next());
    }

    [Fact]
    public void CancelsWhileWaitingAndLosesNothing()
    {
        using var release = new ManualResetEventSlim();
        using var loader = Make((i, stop) =>
        {
            release.Wait(stop);
            return i;
        }, new PrefetchOptions { Threads = 2, Capacity = 2 });
        using var cancel = new CancellationTokenSource(30);
        Assert.Throws<OperationCanceledException>(() => loader.Next(cancel.Token));
        Assert.Equal(0, loader.Position);
        release.Set();
        Assert.Equal(0, loader.Next());
    }

    [Fact]
    public void DisposingStopsThreadsThatWork()
    {
        var loader = Make((i, stop) =>
        {
            stop.WaitHandle.WaitOne();
            stop.ThrowIfCancellationRequested();
            return i;
        }, new PrefetchOptions { Threads = 2, Capacity = 4 });
        var from = Stopwatch.GetTimestamp();
        loader.Dispose();
        loader.Dispose();
        Assert.True(Stopwatch.GetElapsedTime(from).TotalSeconds < 30);
        Assert.Throws<ObjectDisposedException>(() => loader.Next());
    }

    [Fact]
    public void SamplesThatNobodyTookAreDisposed()
    {
        var (made, disposed) = (0, 0);
        var loader = new PrefetchingLoader<Disposable>((_, _) =>
        {
            Interlocked.Increment(ref made);
            return new Disposable(() => Interlocked.Increment(ref disposed));
        }, i => $"{i}", new PrefetchOptions { Threads = 2, Capacity = 4 });
        loader.Next();
        loader.Dispose();
        Assert.Equal(made - 1, disposed);
    }

    private static PrefetchingLoader<T> Make<T>(Func<long, CancellationToken, T> load, PrefetchOptions options, long start = 0, long? count = null) =>
        new(load, i => $"picture {i}", options, start, count);

    private sealed class Disposable(Action dispose) : IDisposable
    {
        public void Dispose() => dispose();
    }
}
