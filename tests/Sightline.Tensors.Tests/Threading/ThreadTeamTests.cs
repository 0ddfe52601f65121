using Sightline.Tensors.Cpu.Threading;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Threading;

[Collection(Alone.Name)]
public class ThreadTeamTests
{
    [Theory]
    [InlineData(null, 4, null)]
    [InlineData("", 4, null)]
    [InlineData("2", 2, null)]
    [InlineData("9", 4, "SIGHTLINE_THREADS is 9, this machine has 4 processors")]
    [InlineData("0", 4, "SIGHTLINE_THREADS is '0', which is no number from 1 to 4")]
    [InlineData("-1", 4, "SIGHTLINE_THREADS is '-1', which is no number")]
    [InlineData("many", 4, "SIGHTLINE_THREADS is 'many', which is no number")]
    public void The_setting_is_at_most_the_processors(string? setting, int threads, string? problem)
    {
        var read = ThreadTeam.Read(setting, processors: 4);
        Assert.Equal(threads, read.Threads);
        if (problem is null) Assert.Null(read.Problem);
        else Assert.StartsWith(problem, read.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_piece_runs_once(int threads)
    {
        var team = new ThreadTeam(threads);
        foreach (var count in (int[])[0, 1, 2, 7, 1000])
        {
            var counts = new int[count];
            var pieces = new Count(counts);
            team.Run(ref pieces, count);
            Assert.All(counts, times => Assert.Equal(1, times));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void An_exception_in_a_piece_reaches_the_caller_and_the_team_goes_on(int threads)
    {
        var team = new ThreadTeam(threads);
        for (var round = 0; round < 20; round++)
        {
            var failing = new Fail(round % 10);
            var error = Assert.Throws<InvalidOperationException>(() => team.Run(ref failing, 10));
            Assert.Equal($"piece {round % 10}", error.Message);
            var counts = new int[50];
            var pieces = new Count(counts);
            team.Run(ref pieces, counts.Length);
            Assert.All(counts, times => Assert.Equal(1, times));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void A_phase_begins_when_the_one_before_has_ended(int threads)
    {
        var team = new ThreadTeam(threads);
        int[] sizes = [3, 1, 0, 40, 7, 1, 1, 200];
        for (var round = 0; round < 200; round++)
        {
            var done = new int[sizes.Length];
            var phases = new Ordered(sizes, done);
            team.RunPhases(ref phases);
            Assert.Equal(sizes, done);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void An_exception_in_a_phase_reaches_the_caller_and_the_team_goes_on(int threads)
    {
        var team = new ThreadTeam(threads);
        for (var round = 0; round < 30; round++)
        {
            var failing = new FailingPhase(round % 3);
            Assert.Equal($"phase {round % 3}", Assert.Throws<InvalidOperationException>(() => team.RunPhases(ref failing)).Message);
            var done = new int[2];
            var phases = new Ordered([10, 10], done);
            team.RunPhases(ref phases);
            Assert.Equal([10, 10], done);
        }
    }

    [Fact]
    public void A_loop_inside_a_piece_runs_on_its_thread()
    {
        var team = new ThreadTeam(3);
        var (counts, threads) = (new int[12 * 30], new int[12 * 30]);
        var pieces = new Nest(team, counts, threads);
        team.Run(ref pieces, 12);
        Assert.All(counts, times => Assert.Equal(1, times));
        for (var i = 0; i < 12; i++) Assert.Single(threads.Skip(i * 30).Take(30).Distinct());
    }

    [Fact]
    public void Work_alone_stays_on_its_thread_and_the_team_is_used_again_afterwards()
    {
        var team = new ThreadTeam(3);
        var threads = new int[200];
        ThreadTeam.RunAlone(() => ThreadTeam.RunAlone(() => Record()));
        Assert.All(threads, thread => Assert.Equal(Environment.CurrentManagedThreadId, thread));
        Assert.Throws<InvalidOperationException>(() => ThreadTeam.RunAlone(() => throw new InvalidOperationException()));
        Assert.True(SpinWait.SpinUntil(() => Record().Distinct().Count() > 1, TimeSpan.FromSeconds(30)));

        int[] Record()
        {
            var pieces = new Inner(new int[200], threads, 0);
            team.Run(ref pieces, 200);
            return threads;
        }
    }

    [Fact]
    public void Callers_from_several_threads_share_a_team()
    {
        var team = new ThreadTeam(2);
        var threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (var round = 0; round < 50; round++)
            {
                var counts = new int[20];
                var pieces = new Count(counts);
                team.Run(ref pieces, counts.Length);
                if (counts.Any(times => times != 1)) throw new InvalidOperationException("a piece was lost");
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
    }

    [Fact]
    public void Changing_the_number_of_threads_during_a_loop_loses_nothing()
    {
        var before = ThreadTeam.Shared.Threads;
        try
        {
            for (var round = 0; round < 20; round++)
            {
                ThreadTeam.SetThreads(3);
                var team = ThreadTeam.Shared;
                var counts = new int[200];
                var pieces = new Change(counts);
                team.Run(ref pieces, counts.Length);
                Assert.All(counts, times => Assert.Equal(1, times));
                Assert.Equal(2, ThreadTeam.Shared.Threads);
            }
        }
        finally
        {
            ThreadTeam.SetThreads(before);
        }
    }

    [Fact]
    public void A_finished_loop_keeps_nothing_alive()
    {
        var team = new ThreadTeam(2);
        var reference = RunAndForget(team);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(reference.TryGetTarget(out _));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference<int[]> RunAndForget(ThreadTeam team)
    {
        var counts = new int[64];
        var pieces = new Count(counts);
        team.Run(ref pieces, counts.Length);
        return new WeakReference<int[]>(counts);
    }

    private readonly struct Count(int[] counts) : IPieces
    {
        public void Run(int piece) => Interlocked.Increment(ref counts[piece]);
    }

    private readonly struct Fail(int at) : IPieces
    {
        public void Run(int piece)
        {
            if (piece == at) throw new InvalidOperationException($"piece {piece}");
        }
    }

    private readonly struct Ordered(int[] sizes, int[] done) : IPhases
    {
        public int Phases => sizes.Length;

        public int Pieces(int phase) => sizes[phase];

        public void Run(int phase, int piece)
        {
            for (var before = 0; before < phase; before++)
            {
                if (Volatile.Read(ref done[before]) != sizes[before]) throw new InvalidOperationException($"phase {phase} runs before phase {before} has ended");
            }

            Interlocked.Increment(ref done[phase]);
        }
    }

    private readonly struct FailingPhase(int at) : IPhases
    {
        public int Phases => 3;

        public int Pieces(int phase) => 20;

        public void Run(int phase, int piece)
        {
            if (phase == at && piece == 11) throw new InvalidOperationException($"phase {phase}");
        }
    }

    private readonly struct Nest(ThreadTeam team, int[] counts, int[] threads) : IPieces
    {
        public void Run(int piece)
        {
            var inner = new Inner(counts, threads, piece * 30);
            team.Run(ref inner, 30);
        }
    }

    private readonly struct Inner(int[] counts, int[] threads, int first) : IPieces
    {
        public void Run(int piece)
        {
            Interlocked.Increment(ref counts[first + piece]);
            threads[first + piece] = Environment.CurrentManagedThreadId;
        }
    }

    private readonly struct Change(int[] counts) : IPieces
    {
        public void Run(int piece)
        {
            if (piece == 0) ThreadTeam.SetThreads(2);
            Interlocked.Increment(ref counts[piece]);
        }
    }
}
