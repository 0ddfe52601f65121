using Sightline.Training.Distributed;

namespace Sightline.Training.Tests.Distributed;

/// <summary>Ranks that are threads of this process.</summary>
internal sealed class ThreadRanks : Communicator
{
    private readonly Meeting _meeting;

    private ThreadRanks(int rank, Meeting meeting) => (Rank, _meeting) = (rank, meeting);

    public override int Rank { get; }

    public override int Size => _meeting.Posted.Length;

    /// <summary>Runs the same work on several ranks; rethrows what one of them met.</summary>
    public static void Run(int size, Action<Communicator> work)
    {
        var meeting = new Meeting(size);
        var errors = new Exception?[size];
        var threads = Enumerable.Range(0, size).Select(rank => new Thread(() =>
        {
            try
            {
                work(new ThreadRanks(rank, meeting));
            }
            catch (Exception error)
            {
                errors[rank] = error;
                meeting.Barrier.RemoveParticipant();
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        if (Array.Find(errors, error => error is not null) is { } first) throw new InvalidOperationException(first.Message, first);
    }

    public override void Barrier() => _meeting.Barrier.SignalAndWait(TestContext.Current.CancellationToken);

    public override void Broadcast(Span<byte> bytes, int root) => Exchange(bytes, all => all[root]).CopyTo(bytes);

    public override void AllGather(ReadOnlySpan<byte> own, Span<byte> all, ReadOnlySpan<int> lengths)
    {
        var gathered = Exchange(own, posted => posted.SelectMany(part => part).ToArray());
        Assert.Equal(lengths.ToArray().Sum(), gathered.Length);
        gathered.CopyTo(all);
    }

    public override void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendLengths, Span<byte> receive, ReadOnlySpan<int> receiveLengths)
    {
        int[] lengths = sendLengths.ToArray();
        var starts = Exchange(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(lengths), posted => posted.Select(part => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(part).ToArray()).ToArray());
        var parts = Exchange(send, posted => posted.Select((part, from) => part.AsSpan(starts[from].Take(Rank).Sum(), starts[from][Rank]).ToArray()).ToArray());
        Assert.Equal(receiveLengths.ToArray(), parts.Select(part => part.Length));
        parts.SelectMany(part => part).ToArray().CopyTo(receive);
    }

    public override void Abort(int exitCode) => throw new InvalidOperationException($"aborted with {exitCode}");

    private T Exchange<T>(ReadOnlySpan<byte> own, Func<byte[][], T> read)
    {
        _meeting.Posted[Rank] = own.ToArray();
        Barrier();
        var result = read(_meeting.Posted);
        Barrier();
        return result;
    }

    private sealed record Meeting(int Size)
    {
        public Barrier Barrier { get; } = new(Size);

        public byte[][] Posted { get; } = new byte[Size][];
    }
}
