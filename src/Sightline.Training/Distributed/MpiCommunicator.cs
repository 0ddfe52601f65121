using System.Globalization;
using System.Text;

namespace Sightline.Training.Distributed;

/// <summary>The processes that <c>mpirun</c> started, over Open MPI.</summary>
public sealed unsafe class MpiCommunicator : Communicator
{
    private const string SizeVariable = "OMPI_COMM_WORLD_SIZE";
    private const string RankVariable = "OMPI_COMM_WORLD_RANK";
    private const string LocalSizeVariable = "OMPI_COMM_WORLD_LOCAL_SIZE";
    private const int StopTag = 1; // of the only messages from one to another; nobody receives them, as the run ends
    private readonly nint _world;
    private readonly nint _byte;
    private readonly int[] _sendPlaces;
    private readonly int[] _receivePlaces;
    private bool _isOpen;

    private MpiCommunicator()
    {
        int provided, rank, size;
        Check(MpiNative.MPI_Init_thread(null, null, MpiNative.ThreadSerialized, &provided), "start");
        _isOpen = true;
        (_world, _byte) = (MpiLibrary.Handle("ompi_mpi_comm_world"), MpiLibrary.Handle("ompi_mpi_byte"));
        Check(MpiNative.MPI_Comm_set_errhandler(_world, MpiLibrary.Handle("ompi_mpi_errors_return")), "start");
        Check(MpiNative.MPI_Comm_rank(_world, &rank), "start");
        Check(MpiNative.MPI_Comm_size(_world, &size), "start");
        (Rank, Size) = (rank, size);
        (_sendPlaces, _receivePlaces) = (new int[size], new int[size]);
        if (provided < MpiNative.ThreadSerialized)
            throw new SightlineException(ErrorKind.MissingLibrary, $"this Open MPI was built without support for threads (it offers level {provided} of {MpiNative.ThreadSerialized}): use the distribution's");
    }

    /// <summary>This process's number and their count as <c>mpirun</c> told them; (0, 1) for a process that it did not start.</summary>
    public static (int Rank, int Size) Launched =>
        Number(SizeVariable) is { } size and > 1 && Number(RankVariable) is { } rank ? (rank, size) : (0, 1);

    /// <summary>Whether <c>mpirun</c> started this process, be it the only one.</summary>
    public static bool IsLaunched => Number(RankVariable) is not null;

    /// <inheritdoc/>
    public override int Rank { get; }

    /// <inheritdoc/>
    public override int Size { get; }

    /// <inheritdoc/>
    public override int OnThisMachine { get; } = Math.Max(1, Number(LocalSizeVariable) ?? 1);

    /// <summary>Joins the other processes. Once in a process, and all of them.</summary>
    /// <exception cref="SightlineException">MissingLibrary: Open MPI is not there.</exception>
    public static MpiCommunicator Join()
    {
        MpiLibrary.Require();
        return new MpiCommunicator();
    }

    /// <inheritdoc/>
    public override void Barrier() => Check(MpiNative.MPI_Barrier(_world), "wait for the others");

    /// <inheritdoc/>
    public override void Broadcast(Span<byte> bytes, int root)
    {
        fixed (byte* buffer = bytes) Check(MpiNative.MPI_Bcast(buffer, bytes.Length, _byte, root, _world), "share");
    }

    /// <inheritdoc/>
    public override void AllGather(ReadOnlySpan<byte> own, Span<byte> all, ReadOnlySpan<int> lengths)
    {
        Place(lengths, _receivePlaces, all.Length);
        fixed (byte* send = own, receive = all)
        fixed (int* counts = lengths, places = _receivePlaces)
            Check(MpiNative.MPI_Allgatherv(send, own.Length, _byte, receive, counts, places, _byte, _world), "gather");
    }

    /// <inheritdoc/>
    public override void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendLengths, Span<byte> receive, ReadOnlySpan<int> receiveLengths)
    {
        Place(sendLengths, _sendPlaces, send.Length);
        Place(receiveLengths, _receivePlaces, receive.Length);
        fixed (byte* from = send, to = receive)
        fixed (int* sendCounts = sendLengths, sendPlaces = _sendPlaces, receiveCounts = receiveLengths, receivePlaces = _receivePlaces)
            Check(MpiNative.MPI_Alltoallv(from, sendCounts, sendPlaces, _byte, to, receiveCounts, receivePlaces, _byte, _world), "exchange");
    }

    /// <inheritdoc/>
    protected override void TellToStop()
    {
        for (var rank = 0; rank < Size; rank++)
        {
            if (rank == Rank) continue;
            nint request;
            Check(MpiNative.MPI_Isend(null, 0, _byte, rank, StopTag, _world, &request), "tell the others to stop");
            Check(MpiNative.MPI_Request_free(&request), "tell the others to stop"); // without bytes there is nothing to keep
        }
    }

    /// <inheritdoc/>
    protected override bool IsToldToStop()
    {
        int isTold;
        Check(MpiNative.MPI_Iprobe(MpiNative.AnySource, StopTag, _world, &isTold, null), "look for a message");
        return isTold != 0;
    }

    /// <inheritdoc/>
    public override void Abort(int exitCode) => _ = MpiNative.MPI_Abort(_world, exitCode);

    /// <summary>Waits for the others and leaves.</summary>
    public override void Dispose()
    {
        base.Dispose();
        if (!_isOpen) return;
        _isOpen = false;
        _ = MpiNative.MPI_Finalize();
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>Where each part begins.</summary>
    private static void Place(ReadOnlySpan<int> lengths, int[] places, int room)
    {
        var at = 0;
        for (var rank = 0; rank < places.Length; at += lengths[rank++]) places[rank] = at;
        if (at > room) throw new ArgumentException($"{at} bytes for a buffer of {room}");
    }

    private static void Check(int code, string what)
    {
        if (code == 0) return;
        var text = stackalloc byte[MpiNative.LongestText];
        int length;
        var reason = MpiNative.MPI_Error_string(code, text, &length) == 0 ? Encoding.UTF8.GetString(text, length) : $"code {code}";
        throw new SightlineException(ErrorKind.Network, $"MPI could not {what}: {reason}");
    }
}
