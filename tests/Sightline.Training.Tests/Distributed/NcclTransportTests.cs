using System.Diagnostics;
using Sightline.Tensors;
using Sightline.Tensors.Cpu;
using Sightline.Testing;
using Sightline.Training.Distributed;
using Sightline.Training.Distributed.Nccl;

namespace Sightline.Training.Tests.Distributed;

/// <summary>What is asked of NCCL, in which order, and what becomes of its errors; without a GPU, against <see cref="FakeNccl"/>.</summary>
[Collection(Alone.Name)]
public sealed class NcclTransportTests : TensorTest
{
    public NcclTransportTests() => FakeNccl.Forget();

    [Fact]
    public void Calls_come_in_groups_in_the_engines_stream_with_whole_pieces()
    {
        ThreadRanks.Run(2, ranks =>
        {
            using var transport = Transport(ranks, piece: 16);
            using var first = Tensor.Full([3], ranks.Rank + 1, CpuEngine.Instance);
            using var second = Tensor.Full([5], ranks.Rank + 10, CpuEngine.Instance);
            (Tensor, int)[] owned = [(first, 0), (second, 1)];
            transport.SumToOwners(owned);
            Assert.All((ranks.Rank == 0 ? first : second).ToArray<float>(), value => Assert.Equal(ranks.Rank == 0 ? 3 : 21, value));
            transport.CopyFromOwners(owned);
            Assert.Equal([3, 3, 3, 21, 21, 21, 21, 21], [.. first.ToArray<float>(), .. second.ToArray<float>()]);
        });
        string[] copied = ["broadcast 0 12", "broadcast 1 16", "broadcast 1 4"];
        var members = FakeNccl.Members;
        Assert.Equal(["send 1 16", "receive 1 12", "send 1 4", .. copied], members[0].Calls);
        Assert.Equal(["send 0 12", "receive 0 16", "receive 0 4", .. copied], members[1].Calls);
        Assert.All(members, member => Assert.Equal((members[0].World, 2, 0, 1), (member.World, member.Size, member.Aborted, member.Destroyed)));
    }

    [Fact]
    public void A_lost_rank_ends_the_wait_for_it_with_one_sentence()
    {
        var clock = Stopwatch.StartNew();
        ThreadRanks.Run(2, ranks =>
        {
            using var transport = Transport(ranks, piece: 64);
            ranks.Barrier();
            var own = FakeNccl.Members[ranks.Rank];
            if (ranks.Rank == 1) FakeNccl.Members[0].State = 6; // and sends nothing
            if (ranks.Rank == 0)
            {
                using var tensor = Tensor.Zeros([4], engine: CpuEngine.Instance);
                var error = Assert.Throws<SightlineException>(() => transport.SumToOwners([(tensor, 0)]));
                Assert.Equal((ErrorKind.Network, "NCCL 2.27.5 could not go on: remote process exited or there was a network error"), (error.Kind, error.Message));
                Assert.Throws<SightlineException>(() => transport.CopyFromOwners([(tensor, 0)]));
                Assert.Equal(1, own.Aborted);
            }

            ranks.Barrier();
        });
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Assert.Equal([(1, 0), (0, 1)], FakeNccl.Members.Select(member => (member.Aborted, member.Destroyed)));
    }

    [Fact]
    public void Errors_are_found_while_nobody_asks() => ThreadRanks.Run(2, ranks =>
    {
        using var transport = Transport(ranks, piece: 64);
        ranks.Barrier();
        var own = FakeNccl.Members[ranks.Rank];
        own.State = 2;
        for (var clock = Stopwatch.StartNew(); own.Aborted == 0 && clock.Elapsed < TimeSpan.FromSeconds(10);) Thread.Sleep(1);
        Assert.Equal(1, own.Aborted);
        ranks.Barrier();
    });

    [Fact]
    public void Ranks_that_do_not_come_together_say_why()
    {
        FakeNccl.JoinResult = 5;
        ThreadRanks.Run(2, ranks =>
        {
            var error = Assert.Throws<SightlineException>(() => Transport(ranks, piece: 64));
            Assert.Equal("NCCL 2.27.5 could not bring the processes together: invalid usage (run with NCCL_DEBUG=WARN for details)", error.Message);
        });
    }

    [Fact]
    public void Nothing_to_move_asks_for_nothing()
    {
        ThreadRanks.Run(2, ranks =>
        {
            using var transport = Transport(ranks, piece: 64);
            using var empty = Tensor.Zeros([0], engine: CpuEngine.Instance);
            transport.SumToOwners([]);
            transport.SumToOwners([(empty, 1)]);
            transport.CopyFromOwners([(empty, 1)]);
        });
        Assert.All(FakeNccl.Members, member => Assert.Empty(member.Calls));
    }

    [Fact]
    public void Integers_travel_and_are_not_added() => ThreadRanks.Run(2, ranks =>
    {
        using var transport = Transport(ranks, piece: 64);
        using var tensor = Tensor.From([ranks.Rank, 7, 8], [3], CpuEngine.Instance);
        transport.CopyFromOwners([(tensor, 1)]);
        Assert.Equal([1, 7, 8], tensor.ToArray<int>());
        if (ranks.Rank == 1) Assert.Throws<ShapeException>(() => transport.SumToOwners([(tensor, 1)]));
        else transport.SumToOwners([(tensor, 1)]);
    });

    [Fact]
    public void Ranks_on_processors_or_without_the_library_go_through_the_hosts_memory() => ThreadRanks.Run(2, ranks =>
    {
        Assert.IsType<HostTransport>(TensorTransports.For(ranks, null));
        Assert.IsType<HostTransport>(TensorTransports.For(ranks, new FakeDevice(), _ => null));
        Assert.IsType<HostTransport>(TensorTransports.For(ranks, new FakeDevice(index: ranks.Rank), folder => ranks.Rank == 0 ? FakeNccl.Open() : null)); // one cannot, so none does
        Assert.IsType<HostTransport>(ranks.TransportFor(CpuEngine.Instance));
    });

    [Fact]
    public void Ranks_with_a_device_each_and_the_library_go_from_device_to_device() => ThreadRanks.Run(2, ranks =>
    {
        using var transport = Assert.IsType<NcclTransport>(TensorTransports.For(ranks, new FakeDevice(index: ranks.Rank), folder => folder == "/torch/lib" ? FakeNccl.Open() : null));
    });

    [Fact]
    public void Ranks_on_one_device_are_refused() => ThreadRanks.Run(3, ranks =>
    {
        var error = Assert.Throws<SightlineException>(() => TensorTransports.For(ranks, new FakeDevice(index: ranks.Rank % 2), _ => FakeNccl.Open()));
        Assert.Equal((ErrorKind.Usage, $"processes 0 and 2 both compute on cuda:0 of {Environment.MachineName}: give each process a GPU of its own (docs/distributed.md)"), (error.Kind, error.Message));
    });

    [Fact]
    public void Ranks_with_different_versions_are_refused()
    {
        var (old, current) = (FakeNccl.Open(22105), FakeNccl.Open());
        ThreadRanks.Run(2, ranks =>
        {
            var error = Assert.Throws<SightlineException>(() => TensorTransports.For(ranks, new FakeDevice(index: ranks.Rank), _ => ranks.Rank == 0 ? current : old));
            Assert.StartsWith("process 0 found NCCL 2.27.5 and process 1 NCCL 2.21.5: ", error.Message);
        });
    }

    /// <summary>A library that the user named has to be there: no rank falls back in silence, and none waits.</summary>
    [Fact]
    public void A_library_that_is_named_and_missing_at_one_rank_ends_all() => ThreadRanks.Run(2, ranks =>
    {
        var error = Assert.Throws<SightlineException>(() => TensorTransports.For(ranks, new FakeDevice(index: ranks.Rank), _ => ranks.Rank == 1 ? throw new SightlineException(ErrorKind.MissingLibrary, "no libnccl.so.2 at /gone") : FakeNccl.Open()));
        Assert.Equal((ErrorKind.MissingLibrary, "process 1: no libnccl.so.2 at /gone"), (error.Kind, error.Message));
    });

    private static NcclTransport Transport(Communicator ranks, int piece) => new(ranks, FakeNccl.Open(), new FakeDevice(), piece, TimeSpan.FromMilliseconds(1));
}
