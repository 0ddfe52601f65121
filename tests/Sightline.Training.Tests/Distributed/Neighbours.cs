using Sightline.Training.Distributed;

namespace Sightline.Training.Tests.Distributed;

/// <summary>The first of some processes on one machine, of which the others answer nothing: for work that must not wait for them.</summary>
internal sealed class Neighbours(int size) : Communicator
{
    public override int Rank => 0;

    public override int Size => size;

    public override int OnThisMachine => size;

    public override void Barrier() => throw Waiting();

    public override void Broadcast(Span<byte> bytes, int root) => throw Waiting();

    public override void AllGather(ReadOnlySpan<byte> own, Span<byte> all, ReadOnlySpan<int> lengths) => throw Waiting();

    public override void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendLengths, Span<byte> receive, ReadOnlySpan<int> receiveLengths) => throw Waiting();

    public override void Abort(int exitCode) => throw Waiting();

    private static InvalidOperationException Waiting() => new("it would wait for ever");
}
