using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Sightline.Tensors;
using Sightline.Training.Runs;

namespace Sightline.Training.Distributed;

/// <summary>
/// The processes that do one piece of work together, and how bytes travel between them. Every method but <see cref="Abort"/> and those that say so is collective: all ranks call it,
/// in the same order. What is added up is added in the order of the ranks, here and not in the transport, so that the same ranks give the same bits again.
/// </summary>
public abstract class Communicator : IDisposable
{
    private ITensorTransport? _transport;

    /// <summary>One process by itself: nothing travels, and nothing is computed otherwise than without a communicator.</summary>
    public static Communicator Alone { get; } = new SingleProcess();

    /// <summary>The number of this process, from 0.</summary>
    public abstract int Rank { get; }

    /// <summary>How many processes there are.</summary>
    public abstract int Size { get; }

    /// <summary>How many of them are on this machine and share its memory.</summary>
    public virtual int OnThisMachine => 1;

    /// <summary>Memory that this process may use, in bytes: its part of the machine's.</summary>
    internal long AvailableMemory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / OnThisMachine;

    /// <summary>True for the process that speaks to people and writes files.</summary>
    public bool IsRoot => Rank == 0;

    /// <summary>Whether the last work that was done together ended in all processes, since one of them was cancelled.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>Returns when all ranks have come here.</summary>
    public abstract void Barrier();

    /// <summary>Fills every rank's bytes with those of one rank.</summary>
    public abstract void Broadcast(Span<byte> bytes, int root);

    /// <summary>Every rank's bytes at every rank, one after the other in the order of the ranks.</summary>
    /// <param name="own">This rank's, <paramref name="lengths"/>[<see cref="Rank"/>] of them.</param>
    /// <param name="all">Room for all.</param>
    /// <param name="lengths">How many each rank has, the same at every rank.</param>
    public abstract void AllGather(ReadOnlySpan<byte> own, Span<byte> all, ReadOnlySpan<int> lengths);

    /// <summary>To every rank bytes of its own.</summary>
    /// <param name="send">What is for rank 0, for rank 1, and so on.</param>
    /// <param name="sendLengths">How much of it is for each rank.</param>
    /// <param name="receive">Room for what comes from rank 0, from rank 1, and so on.</param>
    /// <param name="receiveLengths">How much comes from each rank.</param>
    public abstract void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendLengths, Span<byte> receive, ReadOnlySpan<int> receiveLengths);

    /// <summary>Tells the others that this rank was cancelled. Not collective: they look (<see cref="IsToldToStop"/>) between two pieces of work.</summary>
    protected virtual void TellToStop()
    {
    }

    /// <summary>Whether another rank was cancelled. Not collective, and does not wait.</summary>
    protected virtual bool IsToldToStop() => false;

    /// <summary>Ends all ranks at once, when one cannot go on and the others wait for it.</summary>
    /// <param name="exitCode">What the job is to end with.</param>
    public abstract void Abort(int exitCode);

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        (_transport as IDisposable)?.Dispose();
        _transport = null;
        GC.SuppressFinalize(this);
    }

    /// <summary>How tensors travel, chosen when some travel first; collective. An engine is a process's for its life.</summary>
    internal ITensorTransport TransportFor(Engine engine) => _transport ??= TensorTransports.For(this, engine.Cuda);

    /// <summary>The part of <paramref name="count"/> things in a row that is this rank's: parts differ by one at most.</summary>
    public (int First, int Count) ShareOf(int count)
    {
        var first = (int)((long)count * Rank / Size);
        return (first, (int)((long)count * (Rank + 1) / Size) - first);
    }

    /// <summary>The largest part of <paramref name="count"/> things that any rank has.</summary>
    internal int LargestShareOf(int count) => (count + Size - 1) / Size;

    /// <summary>Some bytes of each rank, at every rank.</summary>
    public byte[][] Gather(ReadOnlySpan<byte> own)
    {
        if (Size == 1) return [own.ToArray()];
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, own.Length);
        var heads = new byte[Size * sizeof(int)];
        AllGather(length, heads, [.. Enumerable.Repeat(sizeof(int), Size)]);
        int[] lengths = [.. Enumerable.Range(0, Size).Select(rank => BinaryPrimitives.ReadInt32LittleEndian(heads.AsSpan(rank * sizeof(int))))];
        var all = new byte[checked(lengths.Sum())];
        AllGather(own, all, lengths);
        var parts = new byte[Size][];
        for (int rank = 0, at = 0; rank < Size; at += lengths[rank++]) parts[rank] = all.AsSpan(at, lengths[rank]).ToArray();
        return parts;
    }

    /// <summary>Some numbers of each rank, at every rank.</summary>
    public float[][] Gather(ReadOnlySpan<float> own) => [.. Gather(MemoryMarshal.AsBytes(own)).Select(part => MemoryMarshal.Cast<byte, float>(part).ToArray())];

    /// <summary>Rank 0's text at every rank; the others' is not looked at.</summary>
    public string Share(string? text) => Size == 1 ? text ?? "" : Encoding.UTF8.GetString(Gather(IsRoot ? Encoding.UTF8.GetBytes(text ?? "") : [])[0]);

    /// <summary>Adds up numbers over the ranks, from rank 0 on, element by element; every rank gets the sums.</summary>
    public void Sum(Span<double> values)
    {
        if (Size == 1) return;
        var all = new double[values.Length * Size];
        var length = values.Length * sizeof(double);
        AllGather(MemoryMarshal.AsBytes(values), MemoryMarshal.AsBytes(all.AsSpan()), [.. Enumerable.Repeat(length, Size)]);
        all.AsSpan(0, values.Length).CopyTo(values);
        for (var rank = 1; rank < Size; rank++)
        {
            for (var i = 0; i < values.Length; i++) values[i] += all[(rank * values.Length) + i];
        }
    }

    /// <summary>The sum of a number over the ranks.</summary>
    public double Sum(double value)
    {
        Sum(new Span<double>(ref value));
        return value;
    }

    /// <summary>Whether something holds at any rank.</summary>
    public bool Any(bool value) => Size == 1 ? value : Sum(value ? 1 : 0) > 0;

    /// <summary>Lets rank 0 do something alone, while the others wait.</summary>
    public void OnRoot(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (IsRoot) work();
        Barrier();
    }

    /// <summary>
    /// Does something on every rank that may be cancelled or trip on any: it then ends in the same way on all of them, so that none waits for another. Every other
    /// exception leaves its rank alone, and is a matter for <see cref="Abort"/>.
    /// </summary>
    internal T Together<T>(Func<T> work) => Size == 1 ? work() : TogetherAsync(() => Task.FromResult(work())).GetAwaiter().GetResult();

    /// <summary>As <see cref="Together"/>.</summary>
    internal async Task<T> TogetherAsync<T>(Func<Task<T>> work)
    {
        if (Size == 1) return await work().ConfigureAwait(false);
        var (result, said) = (default(T)!, "");
        try
        {
            result = await work().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            said = "c";
        }
        catch (TripwireException tripped)
        {
            said = "t" + tripped.Message;
        }

        string[] ends = [.. Gather(Encoding.UTF8.GetBytes(said)).Select(Encoding.UTF8.GetString)];
        HasStopped = ends.Any(end => end.StartsWith('c'));
        if (HasStopped) throw new OperationCanceledException();
        return Array.Find(ends, end => end.StartsWith('t')) is { } reason ? throw new TripwireException(reason[1..]) : result;
    }

    /// <summary>
    /// Makes <paramref name="count"/> results, each at one rank, and gives all of them to every rank in their order. A rank makes every <see cref="Size"/>-th: what
    /// takes long lies together often.
    /// </summary>
    /// <param name="count">How many.</param>
    /// <param name="work">Makes one, from its number alone.</param>
    /// <param name="write">Puts one into bytes.</param>
    /// <param name="read">Takes one out of them.</param>
    internal async Task<IReadOnlyList<T>> MapAsync<T>(int count, Func<int, Task<T>> work, Action<BinaryWriter, T> write, Func<BinaryReader, T> read)
    {
        var own = await TogetherAsync(async () =>
        {
            var made = new List<T>();
            try
            {
                for (var i = Rank; i < count; i += Size)
                {
                    if (IsToldToStop()) throw new OperationCanceledException();
                    made.Add(await work(i).ConfigureAwait(false));
                }
            }
            catch (OperationCanceledException)
            {
                TellToStop(); // the others would finish their parts first
                throw;
            }

            return made;
        }).ConfigureAwait(false);
        if (Size == 1) return own;
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            foreach (var one in own) write(writer, one);
        }

        var parts = Gather(stream.GetBuffer().AsSpan(0, (int)stream.Length)).Select(part => new BinaryReader(new MemoryStream(part))).ToArray();
        var all = new T[count];
        for (var i = 0; i < count; i++) all[i] = read(parts[i % Size]);
        foreach (var part in parts) part.Dispose();
        return all;
    }

    /// <summary>As <see cref="MapAsync"/>.</summary>
    internal IReadOnlyList<T> Map<T>(int count, Func<int, T> work, Action<BinaryWriter, T> write, Func<BinaryReader, T> read) =>
        MapAsync(count, i => Task.FromResult(work(i)), write, read).GetAwaiter().GetResult();

    /// <summary>A number of each rank, at every rank.</summary>
    internal double[] Numbers(double own)
    {
        var numbers = new double[Size];
        numbers[Rank] = own;
        Sum(numbers);
        return numbers;
    }

    /// <summary>Requires all ranks to have been given the same.</summary>
    /// <param name="kind">What it is when they were not.</param>
    /// <param name="own">What this rank has, as text.</param>
    /// <param name="sentence">What is wrong, from the first rank that has something else, what it has and what rank 0 has; at every rank the same.</param>
    /// <exception cref="SightlineException">They were not.</exception>
    public void RequireSame(ErrorKind kind, string own, Func<int, string, string, string> sentence)
    {
        ArgumentNullException.ThrowIfNull(sentence);
        if (Size == 1) return;
        string[] all = [.. Gather(Encoding.UTF8.GetBytes(own)).Select(Encoding.UTF8.GetString)];
        var other = Array.FindIndex(all, text => text != all[0]);
        if (other > 0) throw new SightlineException(kind, sentence(other, all[other], all[0]));
    }

    /// <summary>Requires something to do for each rank.</summary>
    /// <exception cref="SightlineException">BadRecipe.</exception>
    internal void RequireWork(int count, int stage, string what)
    {
        if (count < Size) throw new SightlineException(ErrorKind.BadRecipe, $"stage {stage + 1}: a step has {count} {what}, and there are {Size} processes: start fewer or raise it");
    }

    private sealed class SingleProcess : Communicator
    {
        public override int Rank => 0;

        public override int Size => 1;

        public override void Barrier()
        {
        }

        public override void Broadcast(Span<byte> bytes, int root)
        {
        }

        public override void AllGather(ReadOnlySpan<byte> own, Span<byte> all, ReadOnlySpan<int> lengths) => own.CopyTo(all);

        public override void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendLengths, Span<byte> receive, ReadOnlySpan<int> receiveLengths) => send.CopyTo(receive);

        public override void Abort(int exitCode)
        {
        }
    }
}
