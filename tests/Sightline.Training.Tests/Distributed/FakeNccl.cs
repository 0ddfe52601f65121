using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sightline.Training.Distributed.Nccl;

namespace Sightline.Training.Tests.Distributed;

/// <summary>
/// What libnccl promises, between threads of this process and in its memory: functions behind the addresses that the real library would export, so that the order of arguments,
/// the identity passed by value, groups and streams are those of the C interface. It copies when a group ends.
/// </summary>
internal static unsafe class FakeNccl
{
    private const int Success = 0;
    private const int InvalidUsage = 5;
    private const int Uint8 = 1;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly ConcurrentDictionary<nint, Member> s_members = new();
    private static long s_worlds;
    private static long s_handles;
    private static int s_version;

    [ThreadStatic]
    private static List<Action>? s_group;

    [ThreadStatic]
    private static List<Action>? s_receiving;

    private static readonly Dictionary<string, nint> s_functions = new()
    {
        ["ncclGetVersion"] = (nint)(delegate* unmanaged<int*, int>)&GetVersion,
        ["ncclGetErrorString"] = (nint)(delegate* unmanaged<int, byte*>)&GetErrorString,
        ["ncclGetUniqueId"] = (nint)(delegate* unmanaged<NcclUniqueId*, int>)&GetUniqueId,
        ["ncclCommInitRank"] = (nint)(delegate* unmanaged<nint*, int, NcclUniqueId, int, int>)&Join,
        ["ncclCommDestroy"] = (nint)(delegate* unmanaged<nint, int>)&Destroy,
        ["ncclCommAbort"] = (nint)(delegate* unmanaged<nint, int>)&Abort,
        ["ncclCommGetAsyncError"] = (nint)(delegate* unmanaged<nint, int*, int>)&GetAsyncError,
        ["ncclGroupStart"] = (nint)(delegate* unmanaged<int>)&GroupStart,
        ["ncclGroupEnd"] = (nint)(delegate* unmanaged<int>)&GroupEnd,
        ["ncclSend"] = (nint)(delegate* unmanaged<nint, nuint, int, int, nint, nint, int>)&Send,
        ["ncclRecv"] = (nint)(delegate* unmanaged<nint, nuint, int, int, nint, nint, int>)&Receive,
        ["ncclBroadcast"] = (nint)(delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, int>)&Broadcast,
    };

    /// <summary>What <c>ncclCommInitRank</c> is to answer from now on.</summary>
    public static int JoinResult { get; set; }

    /// <summary>All communicators that were joined since <see cref="Forget"/>, by rank.</summary>
    public static Member[] Members => [.. s_members.Values.OrderBy(member => member.Rank)];

    public static NcclLibrary Open(int version = 22705, params string[] missing)
    {
        s_version = version;
        return new NcclLibrary(name => missing.Contains(name) || !s_functions.TryGetValue(name, out var address) ? 0 : address, "/fake/libnccl.so.2");
    }

    public static void Forget()
    {
        JoinResult = Success;
        s_members.Clear();
    }

    [UnmanagedCallersOnly]
    private static int GetVersion(int* version)
    {
        *version = s_version;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static byte* GetErrorString(int code) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(code switch
    {
        InvalidUsage => "invalid usage (run with NCCL_DEBUG=WARN for details)"u8,
        6 => "remote process exited or there was a network error"u8,
        _ => "unhandled system error"u8,
    })); // literals end with a zero and never move

    [UnmanagedCallersOnly]
    private static int GetUniqueId(NcclUniqueId* id)
    {
        new Span<byte>(id, sizeof(NcclUniqueId)).Fill(0xA5);
        *(long*)id = Interlocked.Increment(ref s_worlds);
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int Join(nint* communicator, int size, NcclUniqueId id, int rank)
    {
        if (JoinResult != Success) return JoinResult;
        if (!FakeDevice.IsCurrent || ((byte*)&id)[NcclUniqueId.Length - 1] != 0xA5) return InvalidUsage;
        *communicator = (nint)Interlocked.Increment(ref s_handles);
        s_members[*communicator] = new Member(*(long*)&id, rank, size);
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int Destroy(nint communicator)
    {
        s_members[communicator].Destroyed++;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int Abort(nint communicator)
    {
        s_members[communicator].Aborted++;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int GetAsyncError(nint communicator, int* state)
    {
        *state = s_members[communicator].State;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int GroupStart()
    {
        if (s_group is not null || !FakeDevice.IsCurrent) return InvalidUsage;
        (s_group, s_receiving) = ([], []);
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int GroupEnd()
    {
        if (s_group is null) return InvalidUsage;
        foreach (var send in s_group) send();
        foreach (var receive in s_receiving!) receive();
        (s_group, s_receiving) = (null, null);
        return Success;
    }

    [UnmanagedCallersOnly]
    private static int Send(nint address, nuint count, int type, int peer, nint communicator, nint stream) => Note("send", address, count, type, peer, communicator, stream);

    [UnmanagedCallersOnly]
    private static int Receive(nint address, nuint count, int type, int peer, nint communicator, nint stream) => Note("receive", address, count, type, peer, communicator, stream);

    [UnmanagedCallersOnly]
    private static int Broadcast(nint from, nint to, nuint count, int type, int root, nint communicator, nint stream) =>
        from == to ? Note("broadcast", from, count, type, root, communicator, stream) : InvalidUsage;

    private static int Note(string what, nint address, nuint count, int type, int other, nint communicator, nint stream)
    {
        if (s_group is null || type != Uint8 || stream != FakeDevice.StreamNumber || address == 0 || !s_members.TryGetValue(communicator, out var member) || (uint)other >= (uint)member.Size) return InvalidUsage;
        member.Calls.Add($"{what} {other} {count}");
        var length = (int)count;
        if (what == "send") s_group.Add(() => member.Post(other, new ReadOnlySpan<byte>((void*)address, length).ToArray()));
        else if (what == "receive") s_receiving!.Add(() => member.Take(other, new Span<byte>((void*)address, length)));
        else if (member.Rank == other)
        {
            s_group.Add(() =>
            {
                for (var rank = 0; rank < member.Size; rank++)
                {
                    if (rank != other) member.Post(rank, new ReadOnlySpan<byte>((void*)address, length).ToArray());
                }
            });
        }
        else
        {
            s_receiving!.Add(() => member.Take(other, new Span<byte>((void*)address, length)));
        }

        return Success;
    }

    /// <summary>One rank's communicator.</summary>
    internal sealed record Member(long World, int Rank, int Size)
    {
        private static readonly ConcurrentDictionary<(long World, int From, int To), BlockingCollection<byte[]>> s_posts = new();

        /// <summary>What <c>ncclCommGetAsyncError</c> tells.</summary>
        public int State { get; set; }

        public int Aborted { get; set; }

        public int Destroyed { get; set; }

        /// <summary>Calls in their order: what, with whom, how many bytes.</summary>
        public List<string> Calls { get; } = [];

        public void Post(int to, byte[] bytes) => Between(Rank, to).Add(bytes);

        /// <summary>Waits for what the other sends, until it is there or the communicator is aborted, as a kernel does.</summary>
        public void Take(int from, Span<byte> into)
        {
            var until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
            while (Aborted == 0 && Environment.TickCount64 < until)
            {
                if (!Between(from, Rank).TryTake(out var bytes, millisecondsTimeout: 1)) continue;
                if (bytes.Length == into.Length) bytes.CopyTo(into);
                else into.Fill(0xFF);
                return;
            }
        }

        private BlockingCollection<byte[]> Between(int from, int to) => s_posts.GetOrAdd((World, from, to), _ => []);
    }
}
