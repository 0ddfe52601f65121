using System.Globalization;
using System.Runtime.InteropServices;

namespace Sightline.Tensors.Cpu.Threading;

/// <summary>Work that is cut into numbered pieces. Implemented by structs, so that a parallel loop allocates nothing.</summary>
public interface IPieces
{
    /// <summary>Does piece number <paramref name="piece"/>. Must give the same result on whichever thread it runs.</summary>
    void Run(int piece);
}

/// <summary>
/// Work in phases of numbered pieces: the pieces of a phase begin when all of the phase before have ended. One handing over to the team for work that would take
/// one for each phase.
/// </summary>
public interface IPhases
{
    /// <summary>How many phases, at most <see cref="ThreadTeam.MaxPhases"/>.</summary>
    int Phases { get; }

    /// <summary>Pieces of a phase; fixed before the first one runs.</summary>
    int Pieces(int phase);

    /// <summary>Does a piece of a phase. Must give the same result on whichever thread it runs.</summary>
    void Run(int phase, int piece);
}

/// <summary>
/// A fixed team of threads for kernels. A loop is cut into pieces by its caller (never by the number of threads, so that
/// results do not depend on it); threads take runs of pieces from a shared counter. The caller works too. Idle members
/// spin briefly (kernels follow each other within microseconds), then sleep.
/// </summary>
public sealed class ThreadTeam
{
    /// <summary>Most phases of <see cref="RunPhases"/>.</summary>
    public const int MaxPhases = 16;

    private const int SpinRounds = 20_000; // some 37 ns each
    private static ThreadTeam s_shared = new(DefaultThreads());

    private const string Variable = "SIGHTLINE_THREADS";
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly int _helpers;
    private Job? _job;
    private int _generation;
    private int _sleeping;
    private int _started;

    [ThreadStatic]
    private static bool s_inside;

    /// <summary>A team of this many threads, the caller included.</summary>
    public ThreadTeam(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _helpers = threads - 1;
    }

    /// <summary>What is wrong with <c>SIGHTLINE_THREADS</c>, for people; null when nothing is.</summary>
    public static string? SettingProblem => Read(Environment.GetEnvironmentVariable(Variable), Environment.ProcessorCount).Problem;

    /// <summary>The team that kernels use. <c>SIGHTLINE_THREADS</c> sets its size, up to all processors, which is the default.</summary>
    public static ThreadTeam Shared => Volatile.Read(ref s_shared);

    /// <summary>Threads that work on a loop, the caller included.</summary>
    public int Threads => _helpers + 1;

    /// <summary>Replaces the shared team. The old one's threads end when idle.</summary>
    public static void SetThreads(int threads)
    {
        var old = Interlocked.Exchange(ref s_shared, new ThreadTeam(threads));
        old.Retire();
    }

    /// <summary>Runs work whose kernels use the calling thread alone: the memory of their workspaces is the same each time.</summary>
    public static void RunAlone(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        var wasInside = s_inside;
        s_inside = true;
        try
        {
            work();
        }
        finally
        {
            s_inside = wasInside;
        }
    }

    /// <summary>Runs pieces 0 to count - 1, in any order, and returns when all are done. Nested calls run on the calling thread.</summary>
    public void Run<T>(ref T pieces, int count)
        where T : struct, IPieces
    {
        if (count <= 1 || !TryEnter())
        {
            for (var i = 0; i < count; i++) pieces.Run(i);
            return;
        }

        try
        {
            var job = PieceJob<T>.Rent();
            job.Start(ref pieces, count, Threads);
            Share(job, count);
            pieces = job.Finish();
            job.Rethrow();
        }
        finally
        {
            _gate.Exit();
        }
    }

    /// <summary>Runs all phases, one after another, and returns when the last is done. Nested calls run on the calling thread.</summary>
    public void RunPhases<T>(ref T phases)
        where T : struct, IPhases
    {
        if (!TryEnter())
        {
            for (var phase = 0; phase < phases.Phases; phase++)
            {
                for (int piece = 0, count = phases.Pieces(phase); piece < count; piece++) phases.Run(phase, piece);
            }

            return;
        }

        try
        {
            var job = PhaseJob<T>.Rent();
            job.Start(ref phases, Threads);
            Share(job, Threads);
            phases = job.Finish();
            job.Rethrow();
        }
        finally
        {
            _gate.Exit();
        }
    }

    /// <summary>Whether the team is free for the calling thread, which must then leave the gate.</summary>
    private bool TryEnter()
    {
        if (_helpers == 0 || Volatile.Read(ref _started) < 0 || s_inside || !_gate.TryEnter()) return false;
        EnsureStarted();
        return true;
    }

    /// <summary>Does a job together with the other members.</summary>
    private void Share(Job job, int mostUseful)
    {
        Volatile.Write(ref _job, job);
        Interlocked.Increment(ref _generation);
        var asleep = Volatile.Read(ref _sleeping);
        if (asleep > 0) _wake.Release(Math.Min(asleep, mostUseful - 1));
        s_inside = true;
        try
        {
            job.Work();
        }
        finally
        {
            s_inside = false;
        }

        job.AwaitOthers();
        Volatile.Write(ref _job, null);
    }

    private static int DefaultThreads() => Read(Environment.GetEnvironmentVariable(Variable), Environment.ProcessorCount).Threads;

    /// <summary>What a setting means on a machine of so many processors: more threads than those only wait for each other.</summary>
    internal static (int Threads, string? Problem) Read(string? setting, int processors)
    {
        if (string.IsNullOrWhiteSpace(setting)) return (processors, null);
        if (!int.TryParse(setting, NumberStyles.None, CultureInfo.InvariantCulture, out var threads) || threads < 1)
            return (processors, $"{Variable} is '{setting}', which is no number from 1 to {processors}: all {processors} processors are used");
        return threads <= processors ? (threads, null) : (processors, $"{Variable} is {threads}, this machine has {processors} processors: {processors} threads are used");
    }

    private void EnsureStarted()
    {
        if (_started > 0) return;
        _started = _helpers;
        for (var i = 0; i < _helpers; i++)
        {
            new Thread(Member) { IsBackground = true, Name = $"sightline-{i + 1}" }.Start();
        }
    }

    private void Retire()
    {
        Volatile.Write(ref _started, -1);
        Interlocked.Increment(ref _generation);
        if (_helpers > 0) _wake.Release(_helpers);
    }

    private void Member()
    {
        s_inside = true;
        var seen = 0;
        while (Volatile.Read(ref _started) >= 0)
        {
            var spins = 0;
            while (Volatile.Read(ref _generation) == seen)
            {
                if (++spins < SpinRounds)
                {
                    Thread.SpinWait(1);
                    continue;
                }

                Interlocked.Increment(ref _sleeping);
                // the caller raises the generation before it looks for sleepers, so no wake-up is lost
                if (Volatile.Read(ref _generation) == seen) _wake.Wait();
                Interlocked.Decrement(ref _sleeping);
                spins = 0;
                if (Volatile.Read(ref _started) < 0) return;
            }

            seen = Volatile.Read(ref _generation);
            var job = Volatile.Read(ref _job);
            if (job is not null && job.TryJoin())
            {
                job.Work();
                job.Leave();
            }
        }
    }

    private abstract class Job
    {
        protected int Count;
        private int _members;
        private int _threads;
        private Exception? _error;
        private Counter _next;

        /// <summary>Enters the job unless it has ended; a member that has entered is waited for.</summary>
        public bool TryJoin()
        {
            while (true)
            {
                var members = Volatile.Read(ref _members);
                if (members < 0) return false;
                if (Interlocked.CompareExchange(ref _members, members + 1, members) == members) return true;
            }
        }

        public void Leave() => Interlocked.Decrement(ref _members);

        public void Work()
        {
            while (Take(out var first, out var end))
            {
                try
                {
                    Run(first, end);
                }
                catch (Exception error)
                {
                    Interlocked.CompareExchange(ref _error, error, null);
                    Volatile.Write(ref _next.Value, Count);
                }
            }
        }

        /// <summary>Closes the job to newcomers once nobody is inside.</summary>
        public void AwaitOthers()
        {
            var wait = default(SpinWait);
            // the others are at their last pieces
            for (var spins = 0; Interlocked.CompareExchange(ref _members, -1, 0) != 0; spins++) Pause(spins, ref wait);
        }

        public void Rethrow()
        {
            if (_error is { } error) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error);
        }

        protected bool HasFailed => Volatile.Read(ref _error) is not null;

        /// <summary>Waits for something that is about to happen: a system call would take longer, at first.</summary>
        protected static void Pause(int spins, ref SpinWait wait)
        {
            if (spins < SpinRounds / 2) Thread.SpinWait(1);
            else wait.SpinOnce(sleep1Threshold: -1);
        }

        protected abstract void Run(int first, int end);

        /// <summary>The end of the run of pieces that the one numbered <paramref name="first"/> is part of.</summary>
        protected abstract int EndOf(int first);

        /// <summary>
        /// The next pieces, neighbours: a quarter of what is left, shared out over the threads, so that few takes are needed while much is left, a thread reads memory
        /// in one run, and nobody waits long at the end.
        /// </summary>
        private bool Take(out int first, out int end)
        {
            while (true)
            {
                first = Volatile.Read(ref _next.Value);
                end = first;
                if (first >= Count) return false;
                end = first + Math.Max(1, (EndOf(first) - first) / (4 * _threads));
                if (Interlocked.CompareExchange(ref _next.Value, end, first) == first) return true;
            }
        }

        protected void Reset(int count, int threads)
        {
            (Count, _threads) = (count, threads);
            _error = null;
            Volatile.Write(ref _next.Value, 0);
            Volatile.Write(ref _members, 0);
        }
    }

    /// <summary>Written by all threads: on cache lines of its own, or every take would cost the others the lines of the work's description.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Counter
    {
        [FieldOffset(128)]
        public int Value;
    }

    private sealed class PieceJob<T> : Job
        where T : struct, IPieces
    {
        [ThreadStatic]
        private static PieceJob<T>? s_spare;

        private T _pieces;

        /// <summary>One job object a calling thread and kind of work, used again for every loop. Loops of a thread do not nest.</summary>
        public static PieceJob<T> Rent() => s_spare ??= new PieceJob<T>();

        public void Start(ref T pieces, int count, int threads)
        {
            _pieces = pieces;
            Reset(count, threads);
        }

        /// <summary>Hands the pieces back and forgets them: they may hold references that must not live as long as the thread.</summary>
        public T Finish()
        {
            var pieces = _pieces;
            _pieces = default;
            return pieces;
        }

        protected override int EndOf(int first) => Count;

        protected override void Run(int first, int end)
        {
            for (var piece = first; piece < end; piece++) _pieces.Run(piece);
        }
    }

    /// <summary>Pieces of all phases have one row of numbers. A member that takes some of a later phase waits there until all before are done.</summary>
    private sealed class PhaseJob<T> : Job
        where T : struct, IPhases
    {
        [ThreadStatic]
        private static PhaseJob<T>? s_spare;

        private readonly int[] _ends = new int[MaxPhases];
        private T _phases;
        private Counter _done;

        /// <summary>As <see cref="PieceJob{T}.Rent"/>.</summary>
        public static PhaseJob<T> Rent() => s_spare ??= new PhaseJob<T>();

        public void Start(ref T phases, int threads)
        {
            _phases = phases;
            var end = 0;
            for (var phase = 0; phase < phases.Phases; phase++)
            {
                end += phases.Pieces(phase);
                _ends[phase] = end;
            }

            Volatile.Write(ref _done.Value, 0);
            Reset(end, threads);
        }

        /// <summary>As <see cref="PieceJob{T}.Finish"/>.</summary>
        public T Finish()
        {
            var phases = _phases;
            _phases = default;
            return phases;
        }

        protected override int EndOf(int first) => _ends[PhaseOf(first)];

        protected override void Run(int first, int end)
        {
            var phase = PhaseOf(first);
            var start = phase == 0 ? 0 : _ends[phase - 1];
            var wait = default(SpinWait);
            for (var spins = 0; Volatile.Read(ref _done.Value) < start; spins++)
            {
                if (HasFailed) return;
                Pause(spins, ref wait);
            }

            for (var piece = first; piece < end; piece++) _phases.Run(phase, piece - start);
            Interlocked.Add(ref _done.Value, end - first);
        }

        private int PhaseOf(int piece)
        {
            var phase = 0;
            while (piece >= _ends[phase]) phase++;
            return phase;
        }
    }
}
